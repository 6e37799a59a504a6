/** UTF-16 offsets, end exclusive. */
export interface Occurrence {
  readonly start: number
  readonly end: number
}

/** What a search has found for good after a piece of text. */
export interface SearchProgress {
  readonly found: readonly Occurrence[]
  /** What is found later starts here or after: where the longest end of the text stands that begins a word. */
  readonly safeTo: number
}

/** Searches one text that comes in pieces. Offsets count from the start of the text, whatever its pieces. */
export interface OpenSearch {
  push(piece: string): SearchProgress
  end(): SearchProgress
  /** Another search that has read the same so far. */
  fork(): OpenSearch
  /** Whether after `text` nothing would have been found and nothing be under way. */
  isLostAfter(text: string): boolean
  /** What its further findings hang on. */
  standing(): Standing
}

/** Where a search stands: equal nodes find the same in the same text. */
export interface Standing {
  readonly node: object
  /** Whether something was found that a later occurrence may still swallow. */
  readonly pending: boolean
}

/** Whether two searches will find the same from here on, each in its own offsets. */
export function meet(one: OpenSearch, other: OpenSearch): boolean {
  const a = one.standing()
  const b = other.standing()
  return a.node === b.node && !a.pending && !b.pending
}

/** Searches whole texts when called. */
export interface WordSearch {
  (text: string): readonly Occurrence[]
  open(): OpenSearch
}

interface Node {
  readonly next: Map<number, Node>
  /** Where to go on when no edge fits: the longest proper suffix of this node that is itself in the trie. */
  fallback: Node | undefined
  /** Length of the longest word that ends here, as this node or as a suffix of it; 0 for none. */
  longestWord: number
  /** Length of the longest suffix, this node included, that more text can make a word. */
  openLength: number
}

/**
 * Compiles words into a search (Aho-Corasick). It reads the text once, whatever the number of words, and returns the
 * occurrences in order, overlapping ones as one: so there are never more of them than text.
 * The words must not be empty.
 */
export function compileWords(words: readonly string[]): WordSearch {
  const root = buildTrie(words)
  linkFallbacks(root)
  const trie: Trie = { root, beginnings: beginningsOf(root) }
  const searchWhole = (text: string): readonly Occurrence[] => {
    const found: Occurrence[] = []
    readUnits(trie, { node: root, length: 0, pending: found }, text)
    return found
  }
  return Object.assign(searchWhole, { open: () => openSearch(trie, { node: root, length: 0, pending: [] }) })
}

interface Trie {
  readonly root: Node
  /** For each unit below 256 whether a word begins with it: most of a text is passed over by this alone. */
  readonly beginnings: Uint8Array
}

function beginningsOf(root: Node): Uint8Array {
  const beginnings = new Uint8Array(256)
  for (const unit of root.next.keys()) if (unit < beginnings.length) beginnings[unit] = 1
  return beginnings
}

function newNode(depth: number): Node {
  return { next: new Map(), fallback: undefined, longestWord: 0, openLength: depth }
}

function buildTrie(words: readonly string[]): Node {
  const root = newNode(0)
  for (const word of words) {
    let node = root
    for (let i = 0; i < word.length; i++) {
      const unit = word.charCodeAt(i)
      let child = node.next.get(unit)
      if (child === undefined) {
        child = newNode(i + 1)
        node.next.set(unit, child)
      }
      node = child
    }
    node.longestWord = word.length
  }
  return root
}

/** Breadth first: a node's fallback is shorter than the node, so it is finished before. */
function linkFallbacks(root: Node): void {
  const queue: Node[] = [root]
  for (const node of queue) {
    for (const [unit, child] of node.next) {
      child.fallback = node === root ? root : step(root, node.fallback ?? root, unit)
      child.longestWord = Math.max(child.longestWord, child.fallback.longestWord)
      // A word that no other one continues is complete: only what it ends with can still grow.
      if (child.next.size === 0) child.openLength = child.fallback.openLength
      queue.push(child)
    }
  }
}

/** Each step goes at most one node deeper, so the fallbacks taken over a whole text are fewer than its units. */
function step(root: Node, from: Node, unit: number): Node {
  let node = from
  for (;;) {
    const child = node.next.get(unit)
    if (child !== undefined) return child
    if (node.fallback === undefined) return root
    node = node.fallback
  }
}

/** What a search knows of what it has read. */
interface SearchState {
  node: Node
  /** Units read. */
  length: number
  /**
   * In order, none overlapping another; those that a later one may still swallow. Two numbers each, and no more of
   * them than the longest word has units: each but the first lies within what can still become a word.
   */
  readonly pending: Occurrence[]
}

/** Reads on. Adds what it finds to `pending`, from which nothing need ever be taken. */
function readUnits({ root, beginnings }: Trie, state: SearchState, piece: string): void {
  const { length, pending } = state
  let { node } = state
  for (let i = 0; i < piece.length; i++) {
    if (node === root) {
      while (i < piece.length && beginnings[piece.charCodeAt(i)] === 0) i += 1
      if (i === piece.length) break
    }
    node = step(root, node, piece.charCodeAt(i))
    if (node.longestWord > 0) addOccurrence(pending, length + i + 1 - node.longestWord, length + i + 1)
  }
  state.node = node
  state.length = length + piece.length
}

const NOTHING: readonly Occurrence[] = []

function openSearch(trie: Trie, state: SearchState): OpenSearch {
  const { root } = trie
  const { pending } = state

  /** Hands out what ends by `safeTo`: nothing that is found later reaches into it. */
  const settle = (safeTo: number): SearchProgress => {
    if (pending.length === 0) return { found: NOTHING, safeTo }
    const open = pending.findIndex(({ end }) => end > safeTo)
    const found = pending.splice(0, open === -1 ? pending.length : open)
    return { found, safeTo: Math.min(safeTo, pending[0]?.start ?? safeTo) }
  }

  return {
    push(piece) {
      readUnits(trie, state, piece)
      return settle(state.length - state.node.openLength)
    },
    end: () => settle(state.length),
    fork: () => openSearch(trie, { ...state, pending: [...pending] }),
    isLostAfter(text) {
      let after = state.node
      for (let i = 0; i < text.length; i++) {
        after = step(root, after, text.charCodeAt(i))
        if (after.longestWord > 0) return false
      }
      return after === root && pending.length === 0
    },
    standing: () => ({ node: state.node, pending: pending.length > 0 }),
  }
}

/** Ends only grow, so a new occurrence can overlap the newest ones only. Shorter words that end there lie inside. */
function addOccurrence(pending: Occurrence[], wordStart: number, end: number): void {
  let start = wordStart
  for (let last = pending.at(-1); last !== undefined && last.end > start; last = pending.at(-1)) {
    start = Math.min(start, last.start)
    pending.pop()
  }
  pending.push({ start, end })
}
