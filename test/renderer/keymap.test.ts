import { describe, expect, it } from 'vitest'
import { commandOf, type KeyPress } from '#renderer/keymap.ts'

const press = (key: string, held: Partial<KeyPress> = {}): KeyPress => ({
  key,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...held,
})

describe('keys', () => {
  it.each([
    ['ArrowLeft', -1, 0],
    ['ArrowRight', 1, 0],
    ['ArrowUp', 0, -1],
    ['ArrowDown', 0, 1],
  ])('%s moves the stage one step, x right and y down', (key, x, y) => {
    expect(commandOf(press(key))).toEqual({ do: 'stage', x, y })
  })

  it('Page Up and Page Down move the focus', () => {
    expect(commandOf(press('PageUp'))).toEqual({ do: 'focus', z: 1 })
    expect(commandOf(press('PageDown'))).toEqual({ do: 'focus', z: -1 })
  })

  it('Shift makes ten steps of one', () => {
    expect(commandOf(press('ArrowLeft', { shiftKey: true }))).toEqual({ do: 'stage', x: -10, y: 0 })
    expect(commandOf(press('PageDown', { shiftKey: true }))).toEqual({ do: 'focus', z: -10 })
  })

  it.each([
    ['Escape', 'stop'],
    [' ', 'snap'],
    ['r', 'record'],
    ['R', 'record'],
    ['?', 'help'],
    ['+', 'zoom-in'],
  ])('“%s” means %s', (key, command) => {
    expect(commandOf(press(key))).toEqual({ do: command })
  })

  it('leaves the browser its own shortcuts', () => {
    expect(commandOf(press('r', { ctrlKey: true }))).toBeNull()
    expect(commandOf(press('ArrowLeft', { altKey: true }))).toBeNull()
    expect(commandOf(press('l', { metaKey: true }))).toBeNull()
  })

  it('does nothing for keys without a meaning', () => {
    expect(commandOf(press('q'))).toBeNull()
    expect(commandOf(press('Tab'))).toBeNull()
  })
})
