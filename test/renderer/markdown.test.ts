import { describe, expect, it } from 'vitest'
import { parseInline, parseMarkdown } from '#renderer/markdown.ts'

describe('a model’s card', () => {
  it('has headings, paragraphs and lists', () => {
    const blocks = parseMarkdown('# Title\n\nOne\ntwo\n\n- a\n- b\n  more\n\n1. first')
    expect(blocks.map(({ kind }) => kind)).toEqual(['heading', 'paragraph', 'list', 'list'])
    expect(blocks[1]).toEqual({ kind: 'paragraph', content: [{ kind: 'text', text: 'One two' }] })
    expect(blocks[2]).toMatchObject({ ordered: false, items: [[{ text: 'a' }], [{ text: 'b more' }]] })
    expect(blocks[3]).toMatchObject({ ordered: true })
  })

  it('has tables with alignment', () => {
    const [table] = parseMarkdown('| m | dB |\n| :-- | --: |\n| x | **3** |')
    expect(table).toMatchObject({ kind: 'table', align: ['left', 'right'] })
    expect(table?.kind === 'table' && table.rows[0]?.[1]).toEqual([{ kind: 'strong', content: [{ kind: 'text', text: '3' }] }])
  })

  it('has code that is not read as anything else', () => {
    expect(parseMarkdown('```\n# no *heading*\n```')).toEqual([{ kind: 'code', text: '# no *heading*' }])
    expect(parseInline('a `*b*`')).toEqual([
      { kind: 'text', text: 'a ' },
      { kind: 'code', text: '*b*' },
    ])
  })

  it('keeps HTML as text', () => {
    expect(parseInline('<img src=x onerror=alert(1)>')).toEqual([{ kind: 'text', text: '<img src=x onerror=alert(1)>' }])
  })

  it.each(['javascript:alert(1)', 'data:text/html,x', 'http://plain.example', '//other.example'])('makes no link of %s', (href) => {
    expect(parseInline(`[label](${href})`).every(({ kind }) => kind === 'text')).toBe(true)
  })

  it('links to https', () => {
    expect(parseInline('[label](https://bioimage.io/x)')).toEqual([
      { kind: 'link', href: 'https://bioimage.io/x', content: [{ kind: 'text', text: 'label' }] },
    ])
  })

  it('ends for every input, however odd', () => {
    for (const odd of ['|', '```', '> ', '#', '**', '- ', '[](', '| a\n|-', '\r\n\r\n', '***\n***'])
      expect(parseMarkdown(odd)).toBeInstanceOf(Array)
  })
})
