import { execFile } from 'node:child_process'

/** One request of examples/apis/*.sh. */
export interface ExampleRequest {
  /** The comment above it. */
  readonly title: string
  /** What a shell runs, the head of the file included. */
  readonly script: string
  /** What its `#=>` lines say stands in the answer. */
  readonly claims: readonly string[]
}

/** The requests of a file: blocks between blank lines, behind a head that all of them share. */
export function requestsIn(text: string): readonly ExampleRequest[] {
  const [head = '', ...blocks] = text.trimEnd().split('\n\n')
  return blocks.map(block => {
    const lines = block.split('\n')
    const claims = lines.flatMap(line => (line.startsWith('#=> ') ? [line.slice('#=> '.length)] : []))
    return { title: (lines[0] ?? '').replace(/^# /, ''), script: `${head}\n${block}\n`, claims }
  })
}

/** What `curl -i` shows of the answer, with the status line's HTTP version and all headers. Throws when curl fails. */
export function runRequest(script: string, gateway: string): Promise<string> {
  const env = { PATH: process.env.PATH, GATEWAY: gateway }
  return new Promise((resolve, reject) => {
    execFile('sh', ['-ec', script], { env, encoding: 'latin1' }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}: ${stderr}`))
      else resolve(Buffer.from(stdout, 'latin1').toString('utf8').replaceAll('\r\n', '\n'))
    })
  })
}
