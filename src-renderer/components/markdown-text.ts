/** Markdown as elements, without ever handing HTML to the page. */
import { defineComponent, h, type VNode } from 'vue'
import { type Block, type Inline, parseMarkdown } from '../markdown.ts'
import './markdown.css'

export const MarkdownText = defineComponent({
  name: 'MarkdownText',
  props: { source: { type: String, required: true } },
  setup: (props) => () => h('div', { class: 'markdown' }, parseMarkdown(props.source).map(blockNode)),
})

function blockNode(block: Block): VNode {
  switch (block.kind) {
    case 'heading':
      // The view's own title is the first level.
      return h(`h${Math.min(6, block.level + 1)}`, block.content.map(inlineNode))
    case 'paragraph':
      return h('p', block.content.map(inlineNode))
    case 'quote':
      return h('blockquote', block.content.map(inlineNode))
    case 'code':
      return h('pre', h('code', block.text))
    case 'rule':
      return h('hr')
    case 'list':
      return h(
        block.ordered ? 'ol' : 'ul',
        block.items.map((item) => h('li', item.map(inlineNode))),
      )
    case 'table': {
      const cell = (tag: 'th' | 'td', content: readonly Inline[], column: number) =>
        h(tag, { class: block.align[column] ?? 'left', ...(tag === 'th' ? { scope: 'col' } : {}) }, content.map(inlineNode))
      const row = (tag: 'th' | 'td', cells: readonly (readonly Inline[])[]) =>
        h(
          'tr',
          cells.map((content, column) => cell(tag, content, column)),
        )
      return h('div', { class: 'table' }, [
        h('table', [
          h('thead', row('th', block.head)),
          h(
            'tbody',
            block.rows.map((cells) => row('td', cells)),
          ),
        ]),
      ])
    }
  }
}

function inlineNode(part: Inline): VNode | string {
  switch (part.kind) {
    case 'text':
      return part.text
    case 'code':
      return h('code', part.text)
    case 'strong':
      return h('strong', part.content.map(inlineNode))
    case 'emphasis':
      return h('em', part.content.map(inlineNode))
    case 'link':
      return h('a', { href: part.href, target: '_blank', rel: 'noopener noreferrer' }, part.content.map(inlineNode))
  }
}
