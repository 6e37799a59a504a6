import type { Chapter, Requirement } from './requirement.ts'
import { CHAPTERS } from './requirements.ts'

const INTRODUCTION = `# What Weir promises

What becomes of an exchange, promise by promise. Under each stands the test that proves it: its file under \`test/\`
without \`.test.ts\`, then its titles, where \`%s\` and \`$word\` stand for each row of a table. What a client or an LLM can
see is proved through a real Envoy at least once; \`exchange/\` has transcripts of single exchanges. The page is made from
the list in \`test/requirements/\`: \`node test/requirements/page.ts > docs/behaviour.md\`. A test fails where a promise
has no proof, or names one that is not there.

What happens when something breaks has a page of its own, [reliability.md](reliability.md), and so has what Weir
relies on in Envoy, [envoy.md](envoy.md). A rule is a guardrail with its \`action\` and \`fail_open\`; every key stands in
[en/config.md](en/config.md). *In full duplex*, *STREAMED* and *BUFFERED* are the body modes of Envoy.
`

/** The whole of docs/behaviour.md. */
export function renderBehaviour(chapters: readonly Chapter[]): string {
  return [INTRODUCTION, ...chapters.map(renderChapter)].join('\n')
}

function renderChapter({ title, requirements }: Chapter): string {
  return [`## ${title}\n`, ...requirements.map(renderRequirement), ''].join('\n')
}

function renderRequirement({ id, says, provedBy }: Requirement): string {
  const proofs = provedBy.map(proof => `  \`${proof}\``)
  return [...wrapped(`- **${id}** ${says}`), ...proofs].join('\n')
}

/** Lines of up to 118 characters, those after the first below the item. */
function wrapped(text: string): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + word.length < 118) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(line === undefined ? word : `  ${word}`)
  }
  return lines
}

if (import.meta.main) process.stdout.write(renderBehaviour(CHAPTERS))
