import { readFileSync, symlinkSync, unlinkSync } from 'node:fs'
import { expect, it } from 'vitest'
import { CHAT_HEADERS, chatRequest } from '../../support/chat.ts'
import { connectProcessor } from '../../support/processor-client.ts'
import { fileOf } from './command-line.ts'
import { serveReal } from './real-program.ts'

/** Has the program throw, where nothing catches it, at SIGUSR2. */
const THROWS = "data:text/javascript,process.on('SIGUSR2',()=>{throw(new(Error)('a_bug'))})"

it.each([
  ['a second signal', 'SIGTERM'],
  ['a throw that nothing catches', 'SIGUSR2'],
] as const)(
  '%s ends the process, which writes the decisions that wait for their file before',
  async (_, last) => {
    const taken = fileOf('')
    const decisions = `${taken}.log`
    // A disk without room.
    symlinkSync('/dev/full', decisions)
    const file = fileOf(`
server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", log: { decisions: { file: ${decisions} } } }
guardrails: { words: { kind: keywords, words: [blocked-phrase] } }
policies: [{ name: p, guardrails: [{ use: words, direction: both }] }]
`)
    const weir = serveReal(['--config', file], { NODE_OPTIONS: `--import ${THROWS}` })
    const { listen } = await weir.until('serving')
    const client = connectProcessor(String(listen))
    try {
      const headers = Object.entries(CHAT_HEADERS).map(([key, value]) => ({
        key,
        raw_value: Buffer.from(value),
      }))
      const call = client.process()
      const modes = { request_body_mode: 'FULL_DUPLEX_STREAMED', response_body_mode: 'FULL_DUPLEX_STREAMED' }
      call.send({ request_headers: { headers: { headers } }, protocol_config: modes })
      call.send({ request_body: { body: Buffer.from(chatRequest('hello')), end_of_stream: true } })
      await weir.until('decision file in trouble: it is tried again')
      weir.child.kill('SIGTERM')
      await weir.until('draining')
      unlinkSync(decisions)
      symlinkSync(taken, decisions)
      weir.child.kill(last)
      expect(await weir.closed).toBe(1)
      if (last === 'SIGUSR2') expect(weir.lines.at(-1)).toMatchObject({ level: 'error', msg: 'fatal' })
      expect(readFileSync(taken, 'utf8')).toContain('"msg":"decision"')
    } finally {
      client.close()
    }
  },
)
