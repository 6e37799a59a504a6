/**
 * A stand-in for an LLM, for `make run`: the OpenAI chat API on one port, JSON and SSE token by token. It echoes the
 * last user message, and gives an e-mail address and a phone number away when asked for contact details.
 *
 *   node scripts/sample-llm.ts [port]
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'

const TOKEN_MS = 60
/** A longer request body is refused with 413. */
const MAX_BODY_BYTES = 16 * 1024 * 1024

const chatRequest = z.looseObject({
  model: z.string().nullish(),
  stream: z.boolean().nullish(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).min(1),
})
type ChatRequest = z.infer<typeof chatRequest>

const server = createServer((request, response) => {
  serve(request, response).catch(() => response.destroy())
})
server.listen(Number(process.argv[2] ?? 8000), '127.0.0.1')
await once(server, 'listening')
console.log('sample LLM ready')

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    server.close()
    server.closeAllConnections()
  })
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request)
  if (body === undefined) return sendError(response, 413, 'the request is too long')
  if (request.method !== 'POST' || request.url?.split('?')[0] !== '/v1/chat/completions') {
    return sendError(response, 404, 'this sample LLM serves POST /v1/chat/completions')
  }
  const chat = chatRequest.safeParse(parseJson(body))
  if (!chat.success) return sendError(response, 400, 'this is not a chat completion request')
  const answer = answerTo(chat.data)
  if (chat.data.stream) await sendStream(response, chat.data, answer)
  else sendJson(response, 200, completion(chat.data, answer))
}

function answerTo(chat: ChatRequest): string {
  const asked = chat.messages.findLast(message => message.role === 'user')?.content
  const question = typeof asked === 'string' ? asked : 'that'
  if (/contact|e-?mail|phone|reach/i.test(question)) {
    return 'Sure: write to jane.doe@example.com or call +1 202-555-0143, whichever suits you.'
  }
  return `You said: "${question}". I am only a small sample, but I heard you.`
}

function completion(chat: ChatRequest, answer: string): object {
  const words = answer.split(' ').length
  return {
    ...envelope(chat, 'chat.completion'),
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: answer, refusal: null },
        finish_reason: 'stop',
        logprobs: null,
      },
    ],
    usage: {
      prompt_tokens: chat.messages.length,
      completion_tokens: words,
      total_tokens: chat.messages.length + words,
    },
  }
}

async function sendStream(response: ServerResponse, chat: ChatRequest, answer: string): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const sendDelta = (delta: object, finishReason: string | null) => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }]
    response.write(`data: ${JSON.stringify({ ...envelope(chat, 'chat.completion.chunk'), choices })}\n\n`)
  }
  sendDelta({ role: 'assistant', content: '' }, null)
  for (const token of answer.match(/\s*\S+/g) ?? []) {
    await delay(TOKEN_MS)
    if (response.destroyed) return
    sendDelta({ content: token }, null)
  }
  sendDelta({}, 'stop')
  response.end('data: [DONE]\n\n')
}

function envelope(chat: ChatRequest, object: string): object {
  return {
    id: 'chatcmpl-sample',
    object,
    created: Math.floor(Date.now() / 1000),
    model: chat.model ?? 'sample',
  }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function sendError(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { error: { message, type: 'invalid_request_error', param: null, code: null } })
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(value)}\n`)
}
