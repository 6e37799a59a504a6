import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { checkConfigBlock, configPartOf } from './config-blocks.ts'
import { envoyPlaceOf, validateEnvoyBlock } from './envoy-blocks.ts'
import type { Block } from './page.ts'

const object = z.looseObject({ apiVersion: z.string().min(1), kind: z.string().min(1) })

/**
 * Checks a block by itself, whatever else its page does with it. Throws, or rejects, with what is wrong; also for a
 * block of which nobody knows what it is.
 */
export async function checkBlock(block: Block): Promise<void> {
  if (block.notes['not checked']) return
  switch (block.info) {
    case 'yaml':
      return checkYaml(block)
    case 'json':
      return void JSON.parse(block.text)
    case 'promql':
      return checkQueries(block)
    // These are run, or compared with what a command printed, by the reader of the page.
    case 'sh':
    case 'python':
    case 'text':
      return
    default:
      throw new Error(
        `${block.at}: a block of kind "${block.info}" is not checked by anything: use sh, yaml, json, promql, python or text, ` +
          'or teach test/docs/kinds.ts what it is',
      )
  }
}

/** Each query names a metric of ours or of Envoy's; that ours are there, a test of all pages says. */
function checkQueries({ at, text }: Block): void {
  for (const query of text.split(/\n\n+/).filter(one => one.trim() !== '')) {
    const open = query.match(/[({[]/g)?.length ?? 0
    const closed = query.match(/[)}\]]/g)?.length ?? 0
    if (open !== closed || !/\b(?:weir|envoy)_\w+/.test(query)) throw new Error(`${at}: no query: ${query}`)
  }
}

async function checkYaml({ at, text, notes }: Block): Promise<void> {
  // Whose they are the page says; they are YAML, and that is all that can be told here.
  if (notes['config of']) return void parse(text)
  const documents = parseAllDocuments(text)
  for (const { errors } of documents) if (errors[0]) throw errors[0]
  const values = documents.map(document => document.toJS() as unknown)
  if (values.every(value => object.safeParse(value).success)) return
  // Policy tests, which the reader of the page plays.
  if (z.looseObject({ cases: z.array(z.unknown()) }).safeParse(values[0]).success && notes.file) return
  const part = configPartOf(text)
  if (part !== undefined) {
    const warnings = await checkConfigBlock(text, part)
    if (warnings.length > 0 && !notes.warns) throw new Error(`weir warns: ${warnings.join('; ')}`)
    return
  }
  const place = envoyPlaceOf(text)
  if (place !== undefined) return validateEnvoyBlock(text, place)
  throw new Error(
    `${at}: neither a config of Weir nor a part of one, nor Envoy's, nor a Kubernetes object, nor a case file with a ` +
      'note <!-- file: NAME --> above it; a config of somebody else has a note <!-- config of: WHOM -->',
  )
}
