import { existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { allPages, CHECKOUT, pagesUnder, readPage } from './page.ts'

/** Where a relative link leads: a path from the checkout on, and an anchor. */
interface Link {
  readonly text: string
  readonly target: string
  readonly anchor: string
}

function linksOf(page: string): readonly Link[] {
  const { prose } = readPage(page)
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
  const relative = links.filter(link => !/^[a-z]+:/.test(link))
  return relative.map(text => {
    const [path = '', anchor = ''] = text.split('#')
    const target = path === '' ? page : resolve('/', dirname(page), path).slice(1)
    return { text, target, anchor }
  })
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): ReadonlySet<string> {
  const seen = new Map<string, number>()
  const slugs = readPage(page).headings.map(heading => {
    const title = heading.replace(/^#+ /, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    const slug = title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    return times === 0 ? slug : `${slug}-${times}`
  })
  return new Set(slugs)
}

describe.each(allPages())('%s', page => {
  test('leads to what is there', () => {
    const broken = linksOf(page).filter(({ target, anchor }) => {
      if (!existsSync(`${CHECKOUT}${target}`)) return true
      if (anchor === '') return false
      return statSync(`${CHECKOUT}${target}`).isDirectory() || !anchorsOf(target).has(anchor)
    })
    expect(broken.map(({ text }) => text)).toEqual([])
  })
})

describe.each(['docs/en/README.md', 'docs/zh/README.md'])('%s', index => {
  test('leads to every page of the guide, in its own language where there is one', () => {
    const led = new Set(linksOf(index).map(({ target }) => target))
    const own = pagesUnder(dirname(index))
    const wanted = pagesUnder('docs/en').map(page => {
      const here = page.replace('docs/en/', `${dirname(index)}/`)
      return own.includes(here) ? here : page
    })
    expect(wanted.filter(page => page !== index && !led.has(page))).toEqual([])
  })
})
