/**
 * A safe subset of Markdown as data: headings, paragraphs, lists, tables, quotes, code, emphasis and https links. HTML stays text.
 * The whole of CommonMark is not wanted: a model's card comes from a file and must not be able to do anything but be read.
 */

export type Inline =
  | { readonly kind: 'text' | 'code'; readonly text: string }
  | { readonly kind: 'strong' | 'emphasis'; readonly content: readonly Inline[] }
  | { readonly kind: 'link'; readonly href: string; readonly content: readonly Inline[] }

export type Block =
  | { readonly kind: 'heading'; readonly level: number; readonly content: readonly Inline[] }
  | { readonly kind: 'paragraph' | 'quote'; readonly content: readonly Inline[] }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly (readonly Inline[])[] }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'rule' }
  | {
      readonly kind: 'table'
      readonly align: readonly ('left' | 'right' | 'center')[]
      readonly head: readonly (readonly Inline[])[]
      readonly rows: readonly (readonly (readonly Inline[])[])[]
    }

const bullet = /^\s*(?:[-*+]|\d+[.)])\s+/
const tableRule = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/
const blockStart = /^(#{1,6}\s|```|>|\s*(?:[-*+]|\d+[.)])\s+|(?:-{3,}|\*{3,})\s*$)/

export function parseMarkdown(source: string): Block[] {
  const lines = source.replace(/\r\n?/g, '\n').split('\n')
  const blocks: Block[] = []
  let at = 0

  /** Takes lines for as long as they belong together. */
  const takeWhile = (belongs: (line: string) => boolean): string[] => {
    const taken: string[] = []
    for (let line = lines[at]; line !== undefined && belongs(line); line = lines[++at]) taken.push(line)
    return taken
  }

  while (at < lines.length) {
    const line = lines[at] ?? ''
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line)
    if (line.trim() === '') {
      at++
    } else if (heading) {
      blocks.push({ kind: 'heading', level: heading[1]?.length ?? 1, content: parseInline(heading[2] ?? '') })
      at++
    } else if (line.startsWith('```')) {
      at++
      blocks.push({ kind: 'code', text: takeWhile((each) => !each.startsWith('```')).join('\n') })
      at++
    } else if (/^(?:-{3,}|\*{3,})\s*$/.test(line)) {
      blocks.push({ kind: 'rule' })
      at++
    } else if (line.startsWith('>')) {
      const quoted = takeWhile((each) => each.startsWith('>'))
      blocks.push({ kind: 'quote', content: parseInline(quoted.map((each) => each.replace(/^>\s?/, '')).join(' ')) })
    } else if (bullet.test(line)) {
      blocks.push(parseList(takeWhile((each) => bullet.test(each) || /^\s+\S/.test(each))))
    } else if (line.includes('|') && tableRule.test(lines[at + 1] ?? '')) {
      blocks.push(parseTable(takeWhile((each) => each.includes('|'))))
    } else {
      // The first line belongs to the paragraph whatever it looks like, so that every turn gets on.
      at++
      const rest = takeWhile((each) => each.trim() !== '' && !blockStart.test(each))
      blocks.push({ kind: 'paragraph', content: parseInline([line, ...rest].map((each) => each.trim()).join(' ')) })
    }
  }
  return blocks
}

function parseList(lines: readonly string[]): Block {
  const items: string[] = []
  for (const line of lines) {
    if (bullet.test(line)) items.push(line.replace(bullet, ''))
    else items.push(`${items.pop() ?? ''} ${line.trim()}`)
  }
  return { kind: 'list', ordered: /^\s*\d/.test(lines[0] ?? ''), items: items.map(parseInline) }
}

function parseTable(lines: readonly string[]): Block {
  const cells = (line: string) =>
    line
      .trim()
      .replace(/^\||\|$/g, '')
      .split('|')
      .map((cell) => cell.trim())
  const align = cells(lines[1] ?? '').map((cell) => {
    if (/^:-+:$/.test(cell)) return 'center' as const
    return cell.endsWith(':') ? ('right' as const) : ('left' as const)
  })
  return {
    kind: 'table',
    align,
    head: cells(lines[0] ?? '').map(parseInline),
    rows: lines.slice(2).map((line) => cells(line).map(parseInline)),
  }
}

const inlinePatterns = /`([^`]+)`|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s][^*]*?)\*|(?<![\w])_([^_\s][^_]*?)_(?![\w])|\[([^\]]*)\]\(([^)\s]+)\)/

export function parseInline(source: string): Inline[] {
  const parts: Inline[] = []
  let rest = source
  for (let match = inlinePatterns.exec(rest); match; match = inlinePatterns.exec(rest)) {
    if (match.index > 0) parts.push({ kind: 'text', text: rest.slice(0, match.index) })
    parts.push(inlineOf(match))
    rest = rest.slice(match.index + match[0].length)
  }
  if (rest !== '') parts.push({ kind: 'text', text: rest })
  return parts
}

function inlineOf(match: RegExpExecArray): Inline {
  const [whole, code, strong, strongToo, emphasis, emphasisToo, label, href] = match
  if (code !== undefined) return { kind: 'code', text: code }
  const bold = strong ?? strongToo
  if (bold !== undefined) return { kind: 'strong', content: parseInline(bold) }
  const slanted = emphasis ?? emphasisToo
  if (slanted !== undefined) return { kind: 'emphasis', content: parseInline(slanted) }
  if (href?.startsWith('https://')) return { kind: 'link', href, content: parseInline(label || href) }
  return { kind: 'text', text: label || whole }
}
