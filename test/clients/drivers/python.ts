import { afterAll } from 'vitest'
import type { ClientDriver, Denied } from '../driver.ts'
import { PythonClients } from '../python/clients.ts'
import { drivers as anthropicMessages } from './anthropic-messages.ts'
import { drivers as gemini } from './gemini.ts'
import { drivers as openaiChat } from './openai-chat.ts'
import { drivers as openaiResponses } from './openai-responses.ts'

const python = new PythonClients()
// Of the test file that imports the drivers.
afterAll(() => python.end())

/** The client that client.py knows as `client`; `like`: the driver whose requests and answers are the same. */
function inPython(client: string, like: ClientDriver, denied: Denied = like.denied): ClientDriver {
  return {
    ...like,
    name: `python ${client}`,
    denied,
    ask: (origin, content) => python.ask(client, origin, content),
  }
}

function named(drivers: readonly ClientDriver[], name: string): ClientDriver {
  const driver = drivers.find(driver => driver.name === name)
  if (driver === undefined) throw new Error(`there is no driver ${name}`)
  return driver
}

const chat = named(openaiChat, 'openai chat.completions')
const chatStream = named(openaiChat, 'openai chat.completions, stream')
const responses = named(openaiResponses, 'openai responses.create')
const responsesStream = named(openaiResponses, 'openai responses.create, stream')
const messages = named(anthropicMessages, 'anthropic messages.create')
const messagesStream = named(anthropicMessages, 'anthropic messages.create, stream')
const generate = named(gemini, '@google/genai generateContent')
const generateStream = named(gemini, '@google/genai generateContentStream')

/** The helper raises at the end of an answer that was filtered, and its caller finds the text in what was raised. */
const raised: Denied = { kind: 'answer', finish: 'ContentFilterFinishReasonError', separator: '\n\n' }

export const drivers: readonly ClientDriver[] = [
  inPython('openai chat.completions.create', chat),
  inPython('openai chat.completions.create, stream', chatStream),
  inPython('openai chat.completions.stream', chatStream, raised),
  inPython('openai responses.create', responses),
  inPython('openai responses.create, stream', responsesStream),
  inPython('openai responses.stream', responsesStream),
  inPython('anthropic messages.create', messages),
  inPython('anthropic messages.create, stream', messagesStream),
  inPython('anthropic messages.stream', messagesStream),
  // No heartbeats: the format sends none, and this client cannot read a comment in a stream.
  inPython('google-genai generate_content', generate),
  inPython('google-genai generate_content_stream', generateStream),
]
