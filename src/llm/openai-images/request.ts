import type { Decoded, LlmRequest } from '../format.ts'
import { isPresent } from '../json-body.ts'
import { gatherForm, isMultipart, readFormStream, readMultipart, soleField } from '../multipart.ts'
import { readStream } from '../request-settings.ts'
import { gatherInput, RequestTexts, requestOf } from '../request-texts.ts'
import { decodeRequestObject } from '../strict-json.ts'

const SHAPE = {
  settings: new Set([
    'model',
    'n',
    'size',
    'quality',
    'style',
    'background',
    'moderation',
    'response_format',
    'output_format',
    'output_compression',
    'input_fidelity',
    'partial_images',
    'stream',
    'user',
  ]),
  files: new Set(['image', 'mask']),
} as const

/** What somebody wrote; the second is what image servers beside OpenAI take. */
const TEXTS = ['prompt', 'negative_prompt'] as const
const PICTURES = ['image', 'images', 'image_url', 'mask', 'input_image', 'reference_images'] as const

/**
 * A `POST …/images/{generations,edits,variations}` body: JSON, or a form where pictures go along. A body without a
 * prompt, as variations have it, has no text.
 */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  return isMultipart(body) ? decodeForm(body) : decodeJson(body)
}

function decodeJson(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const into = new RequestTexts()
  for (const key of TEXTS) gatherInput(into, root[key], [key], into.segments.length)
  into.uninspectable += PICTURES.filter(key => isPresent(root[key])).length
  return requestOf(into, root.model, readStream(root.stream))
}

function decodeForm(body: Uint8Array): Decoded<LlmRequest> {
  const form = readMultipart(body)
  if (form.kind !== 'ok') return form
  const into = new RequestTexts()
  if (gatherForm(into, form.value, SHAPE) === 'not-utf8') return { kind: 'undecodable', reason: 'not-utf8' }
  return requestOf(into, soleField(form.value, 'model'), readFormStream(form.value))
}
