import { type Api, type ApiRows, type Outcome, testTables, useStacks } from '../support/evasion.ts'

type Body = (word: string) => string

/** Rows of one API: its body at many targets, and many bodies at its own target. */
function rowsOf(
  api: Api,
  plain: Body,
  targets: readonly (readonly [target: string, outcome: Outcome, why: string])[],
  bodies: readonly (readonly [looks: string, outcome: Outcome, why: string, body: Body])[],
): ApiRows {
  const headers = { 'content-type': 'application/json' }
  const own = targets[0]?.[0] ?? '/'
  return {
    api,
    rows: [
      ...targets.map(
        ([target, outcome, why]) =>
          [target, outcome, why, (word: string) => ({ target, headers, body: [plain(word)] })] as const,
      ),
      ...bodies.map(
        ([looks, outcome, why, body]) =>
          [looks, outcome, why, (word: string) => ({ target: own, headers, body: [body(word)] })] as const,
      ),
    ],
  }
}

const SAME = 'some servers undo it'
const TWO = 'readers differ in what it says'
const messages: Body = word => `{"model":"m","messages":[{"role":"user","content":"${word}"}]}`
const contents: Body = word => `{"contents":[{"role":"user","parts":[{"text":"${word}"}]}]}`
const blocks: Body = word => `{"messages":[{"role":"user","content":[{"text":"${word}"}]}]}`
const VERTEX = '/v1/projects/p/locations/l/publishers'
const CLAUDE = 'anthropic.claude-3-5-sonnet-20240620-v1'

const anthropic = rowsOf(
  'anthropic',
  messages,
  [
    ['/v1/messages', 'seen', 'its own path'],
    ['/anthropic/v1/messages/?beta=true', 'seen', 'gateways put their own before it'],
    ['/v1/messages;jsessionid=1', 'seen', SAME],
    ['/v1//%6Dessages%0a', 'seen', SAME],
    ['/V1/MESSAGES', 'seen', 'Azure ignores case'],
    [`${VERTEX}/anthropic/models/claude%3ArawPredict`, 'seen', 'Vertex AI'],
    [`${VERTEX}/Anthropic/models/claude:STREAMRAWPREDICT`, 'seen', SAME],
    [`${VERTEX}/anthropic%2Fmodels%2Fclaude:rawPredict;v=1`, 'seen', SAME],
    ['/v1/messages/msg_1', 'unsupported', 'no path of the API'],
  ],
  [
    ['a key escaped', 'seen', 'the same key', word => messages(word).replace('content', '\\u0063ontent')],
    [
      'a system prompt in blocks',
      'seen',
      'is text',
      word => `{"system":[{"type":"text","text":"${word}"}],"messages":[]}`,
    ],
    [
      'a role that is not known',
      'seen',
      'counts as the user',
      word => messages(word).replace('user', 'Human'),
    ],
    ['a key twice', 400, TWO, word => messages(word).replace('"model"', '"messages":[],"model"')],
    ['a key in another case', 400, TWO, word => messages(word).replace('"model"', '"Messages":[],"model"')],
    ['stream as a number', 400, TWO, word => messages(word).replace('"model"', '"stream":1,"model"')],
  ],
)

const gemini = rowsOf(
  'gemini',
  contents,
  [
    ['/v1beta/models/gemini-2.5-flash:generateContent', 'seen', 'its own path'],
    ['/v1beta/models/gemini-2.5-flash%3AgenerateContent', 'seen', SAME],
    ['/v1beta/models%2Fgemini-2.5-flash:%67enerateContent?key=k', 'seen', SAME],
    ['/v1beta/MODELS/g:GENERATECONTENT/', 'seen', SAME],
    ['/v1beta/models/g:generateContent;x=1', 'seen', SAME],
    ['/v1beta/models/g%0A:generateContent%0A', 'seen', SAME],
    ['/v1beta/tunedModels/t:generateContent', 'seen', 'a model of the user'],
    ['/v1beta/dynamic/d:generateContent', 'seen', 'a model of the user'],
    ['/v1beta/models/g:streamGenerateContent?alt=sse', 'seen', 'the stream'],
    ['/v1beta/models/g:streamGenerateContent?%61lt=sse', 'seen', 'the stream'],
    ['/v1beta/models/g:streamGenerateContent', 'seen', 'the stream as an array'],
    [`${VERTEX}/google/models/g:generateContent`, 'seen', 'Vertex AI'],
    ['/v1beta/models/g', 'unsupported', 'what the model can do'],
  ],
  [
    [
      'contents that are one',
      'seen',
      'the API takes it',
      word => `{"contents":{"parts":{"text":"${word}"}}}`,
    ],
    [
      'another spelling',
      'seen',
      'the API takes it',
      word => `{"system_instruction":{"parts":[{"text":"${word}"}]},"contents":[]}`,
    ],
    [
      'both spellings',
      'seen',
      'both are read',
      word =>
        `{"systemInstruction":{"parts":[{"text":"x"}]},"system_instruction":{"parts":[{"text":"${word}"}]},"contents":[]}`,
    ],
    [
      'a part of code',
      'seen',
      'is text',
      word => `{"contents":[{"parts":[{"executableCode":{"code":"${word}"}}]}]}`,
    ],
    ['a key twice', 400, TWO, word => `{"contents":[],${contents(word).slice(1)}`],
    ['a key in another case', 400, TWO, word => `{"Contents":[],${contents(word).slice(1)}`],
  ],
)

const geminiArray = rowsOf(
  'gemini-array',
  contents,
  [['/v1beta/models/g:streamGenerateContent?alt=json', 'seen', 'the stream as an array']],
  [['half a body', 400, TWO, word => contents(word).slice(0, -2)]],
)

const bedrock = rowsOf(
  'bedrock',
  blocks,
  [
    [`/model/${CLAUDE}%3A0/converse`, 'seen', 'as the SDKs write it'],
    [`/model/${CLAUDE}:0/converse`, 'seen', 'the same'],
    [
      `/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.${CLAUDE}%3A0/converse`,
      'seen',
      'an ARN',
    ],
    [`/model/${CLAUDE}%3A0/converse-stream`, 'seen', 'the stream'],
    [`/model/${CLAUDE}%3A0/%63onverse/`, 'seen', SAME],
    [`/Model/${CLAUDE}%3A0/Converse`, 'seen', SAME],
    [`/model/x%0Ay/converse;v=1`, 'seen', SAME],
    ['/model/stability.sd3/invoke', 'unsupported', 'pictures'],
  ],
  [
    [
      'a block that is not known',
      'seen',
      'its text is one',
      word => blocks(word).replace('"text"', '"x":1,"text"'),
    ],
    ['a system prompt', 'seen', 'is text', word => `{"system":[{"text":"${word}"}],"messages":[]}`],
    ['a key twice', 400, TWO, word => `{"messages":[],${blocks(word).slice(1)}`],
    ['a key in another case', 400, TWO, word => `{"Messages":[],${blocks(word).slice(1)}`],
  ],
)

const ollama = rowsOf(
  'ollama',
  messages,
  [
    ['/api/chat', 'seen', 'streams unless told not to'],
    ['/ollama/api/chat/', 'seen', 'gateways put their own before it'],
    ['/API%2fChat;x', 'seen', SAME],
    ['/api/generate%0a', 'unsupported', 'a text without a prompt: only loads the model'],
    ['/api/tags', 'unsupported', 'lists models'],
  ],
  [
    ['stream absent', 'seen', 'counts as true', word => `{"messages":[{"content":"${word}"}]}`],
    ['a role in upper case', 'seen', 'Ollama takes any', word => messages(word).replace('user', 'USER')],
    [
      'a key in another case',
      400,
      'Go takes any case',
      word => messages(word).replace('messages', 'Messages'),
    ],
    [
      'both cases',
      400,
      'Go takes the last',
      word => `{"MESSAGES":[{"content":"x"}],${messages(word).slice(1)}`,
    ],
    ['stream as a string', 400, TWO, word => `{"stream":"false",${messages(word).slice(1)}`],
    ['two documents', 400, 'Go reads the first', word => `${messages(word)}${messages('x')}`],
  ],
)

const prompts = rowsOf(
  'openai',
  word => `{"prompt":"${word}"}`,
  [
    ['/v1/completions;x', 'seen', SAME],
    ['/v1//images%2Fgenerations', 'seen', SAME],
    ['/v1/completions/x', 'unsupported', 'no path of the API'],
  ],
  [['prompts', 'seen', 'many are taken', word => `{"prompt":["x","${word}"]}`]],
)

const inputs = rowsOf(
  'openai',
  word => `{"input":"${word}"}`,
  [
    ['/v1/Responses%0a', 'seen', SAME],
    ['/v1/embeddings%5C', 'seen', SAME],
    ['/v1/moderations;x', 'seen', SAME],
    ['/v1/responses/resp_1', 'unsupported', 'a stored answer'],
  ],
  [
    [
      'a message that is not known',
      'seen',
      'its text is one',
      word => `{"input":[{"role":"x","content":"${word}"}]}`,
    ],
  ],
)

testTables(useStacks(), { anthropic, gemini, geminiArray, bedrock, ollama, prompts, inputs })
