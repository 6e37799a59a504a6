/** How a text is cut into pages: each is judged alone, and what overlaps is judged twice. UTF-16 units of the original. */
export interface PageSize {
  readonly size: number
  /** From the start of one page to that of the next. */
  readonly step: number
}

export const INPUT_PAGES: PageSize = { size: 8192, step: 7680 }
/** Of an answer no more than a page is held back. */
export const OUTPUT_PAGES: PageSize = { size: 1024, step: 512 }

export interface Page {
  readonly text: string
  /** Its place in the running text. */
  readonly start: number
}

/** What is ready after a piece of text. */
export interface PageProgress {
  readonly pages: readonly Page[]
  /** No page still to come begins before it. */
  readonly safeTo: number
}

/** Cuts a running text. However it comes in pieces, its pages are the same. */
export interface OpenPages {
  push(piece: string): PageProgress
  end(): PageProgress
}

export function openPages({ size, step }: PageSize): OpenPages {
  /** The running text from `safeTo` on, where the next page begins. */
  let kept = ''
  let safeTo = 0
  let next = 0

  /** Characters of two units stay whole: the first half at a border is of the part behind it. */
  const border = (at: number): number => {
    const before = kept.charCodeAt(at - 1 - safeTo)
    return before >= 0xd800 && before <= 0xdbff ? at - 1 : at
  }
  /** The page from `safeTo` to `end`. */
  const cut = (end: number): Page => ({ text: kept.slice(0, end - safeTo), start: safeTo })
  const moveOn = (): void => {
    next += step
    const from = border(next)
    kept = kept.slice(from - safeTo)
    safeTo = from
  }

  return {
    push(piece) {
      kept += piece
      const pages: Page[] = []
      while (safeTo + kept.length > next + size) {
        pages.push(cut(border(next + size)))
        moveOn()
      }
      return { pages, safeTo }
    },
    end() {
      const length = safeTo + kept.length
      // After a first page, a last one that shows nothing new is none.
      const isNews = next === 0 ? length > 0 : length > next + size - step
      return { pages: isNews ? [cut(length)] : [], safeTo: length }
    },
  }
}

/** The pages of a whole text. */
export function pagesOf(text: string, size: PageSize): readonly Page[] {
  const pages = openPages(size)
  return [...pages.push(text).pages, ...pages.end().pages]
}
