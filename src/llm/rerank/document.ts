import type { JsonPath } from '../format.ts'
import { isJsonObject, type JsonText, textsInside } from '../json-body.ts'

const PICTURES: ReadonlySet<string> = new Set(['image', 'image_url'])

/** A query or a document: a string, or an object whose fields are its texts. Pictures cannot be read. */
export function readDocument(
  document: unknown,
  path: JsonPath,
): { readonly texts: readonly JsonText[]; readonly uninspectable: number } {
  if (!isJsonObject(document)) return { texts: textsInside(document, path), uninspectable: 0 }
  const entries = Object.entries(document)
  const readable = entries.filter(([key]) => !PICTURES.has(key))
  return {
    texts: readable.flatMap(([key, value]) => textsInside(value, [...path, key])),
    uninspectable: entries.length - readable.length,
  }
}

/** What is none at all: neither reader nor server can make a text of it. */
export function isDocument(value: unknown): boolean {
  return typeof value === 'string' || isJsonObject(value)
}
