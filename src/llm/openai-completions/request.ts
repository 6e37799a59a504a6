import { type Decoded, type LlmRequest, WRONG_SHAPE } from '../format.ts'
import { isPresent } from '../json-body.ts'
import { MAX_CHOICES, readAnswerSettings, readChoiceCount } from '../openai-request.ts'
import { readStream } from '../request-settings.ts'
import { gatherInput, RequestTexts, requestOf } from '../request-texts.ts'
import { decodeRequestObject } from '../strict-json.ts'

/** A `POST …/completions` body. What the upstream would refuse as well is `wrong-shape`. */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const { prompt, suffix } = root
  const each = readChoiceCount(root.n)
  if (each === 'wrong-shape' || !isPrompt(prompt)) return WRONG_SHAPE
  const prompts = promptCount(prompt)
  const into = new RequestTexts()
  gatherInput(into, prompt, ['prompt'])
  // What stands after the gap that is to be filled: in the order of reading, the last thing said.
  if (typeof suffix === 'string') into.add(prompts, ['suffix'], suffix)
  else if (isPresent(suffix)) return WRONG_SHAPE
  // vLLM: tensors in the place of a prompt.
  if (isPresent(root.prompt_embeds)) into.uninspectable++
  const decoded = requestOf(into, root.model, readStream(root.stream))
  if (decoded.kind !== 'ok') return decoded
  return {
    kind: 'ok',
    value: {
      ...decoded.value,
      // A refusal answers no more, whatever the number of prompts.
      choices: Math.min(prompts * each, MAX_CHOICES),
      ...readAnswerSettings(root),
    },
  }
}

/** A text, the ids of one, or a list of both. */
function isPrompt(prompt: unknown): boolean {
  if (!Array.isArray(prompt)) return !isPresent(prompt) || typeof prompt === 'string'
  if (prompt.every(item => typeof item === 'number')) return true
  return prompt.every(
    item =>
      typeof item === 'string' || (Array.isArray(item) && item.every(token => typeof token === 'number')),
  )
}

/** Without a prompt the model begins a text of its own: one. */
function promptCount(prompt: unknown): number {
  const isMany = Array.isArray(prompt) && prompt.some(item => typeof item !== 'number')
  return isMany ? prompt.length : 1
}
