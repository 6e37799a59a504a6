/** UTF-16 offsets, end exclusive. */
export interface Occurrence {
  readonly start: number
  readonly end: number
}

interface Node {
  readonly next: Map<number, Node>
  /** Where to go on when no edge fits: the longest proper suffix of this node that is itself in the trie. */
  fallback: Node | undefined
  /** Length of the longest word that ends here, as this node or as a suffix of it; 0 for none. */
  longestWord: number
}

/**
 * Compiles words into a searcher (Aho-Corasick). The searcher reads the text once, whatever the number of words, and
 * returns the occurrences in order, overlapping ones as one: so there are never more of them than text.
 * The words must not be empty.
 */
export function compileWords(words: readonly string[]): (text: string) => readonly Occurrence[] {
  const root = buildTrie(words)
  linkFallbacks(root)
  return text => search(root, text)
}

function newNode(): Node {
  return { next: new Map(), fallback: undefined, longestWord: 0 }
}

function buildTrie(words: readonly string[]): Node {
  const root = newNode()
  for (const word of words) {
    let node = root
    for (let i = 0; i < word.length; i++) {
      const unit = word.charCodeAt(i)
      let child = node.next.get(unit)
      if (child === undefined) {
        child = newNode()
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

function search(root: Node, text: string): readonly Occurrence[] {
  const found: { start: number; end: number }[] = []
  let node = root
  for (let i = 0; i < text.length; i++) {
    node = step(root, node, text.charCodeAt(i))
    if (node.longestWord === 0) continue
    const end = i + 1
    let start = end - node.longestWord
    // Ends only grow, so a new occurrence can overlap the newest ones only. Shorter words that end here too lie inside.
    for (let last = found.at(-1); last !== undefined && last.end > start; last = found.at(-1)) {
      start = Math.min(start, last.start)
      found.pop()
    }
    found.push({ start, end })
  }
  return found
}
