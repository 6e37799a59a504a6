import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { loadProtos } from '../support/wire.ts'

interface WireField {
  name: string
  number: number
  type: string
  repeated: boolean
  oneof?: string
}

/** Read off the descriptors of Envoy 1.40: every message and enum that ext_proc reaches. */
const envoy: { messages: Record<string, WireField[]>; enums: Record<string, Record<string, number>> } =
  JSON.parse(readFileSync(new URL('../fixtures/ext_proc-wire.json', import.meta.url), 'utf8'))

const root = loadProtos()

function fieldsOf(type: protobuf.Type): WireField[] {
  return type.fieldsArray.map(field => {
    field.resolve()
    const reference = field.resolvedType?.fullName.slice(1) ?? field.type
    const isMap = field instanceof protobuf.MapField
    return {
      name: field.name,
      number: field.id,
      type: isMap ? `${type.fullName.slice(1)}.${entryName(field.name)}` : reference,
      repeated: field.repeated || isMap,
      ...(field.partOf ? { oneof: field.partOf.name } : {}),
    }
  })
}

function entryName(field: string): string {
  return `${field.replace(/(^|_)(\w)/g, (_all, _sep, letter: string) => letter.toUpperCase())}Entry`
}

const byNumber = (a: WireField, b: WireField): number => a.number - b.number

describe('proto/ says what Envoy 1.40 says', () => {
  const messages = Object.keys(envoy.messages).filter(name => !name.endsWith('Entry'))

  test.each(messages)('message %s', name => {
    expect(fieldsOf(root.lookupType(name)).sort(byNumber)).toEqual(envoy.messages[name]?.sort(byNumber))
  })

  test.each(Object.keys(envoy.messages).filter(name => name.endsWith('Entry')))('map entry %s', name => {
    const [owner, entry] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.') + 1)]
    const field = root.lookupType(owner).fieldsArray.find(f => entryName(f.name) === entry)
    if (!(field instanceof protobuf.MapField)) throw new Error(`${name} is no map`)
    field.resolve()
    const value = field.resolvedType?.fullName.slice(1) ?? field.type
    expect([field.keyType, value]).toEqual(envoy.messages[name]?.map(f => f.type))
  })

  test.each(Object.keys(envoy.enums))('enum %s', name => {
    expect({ ...root.lookupEnum(name).values }).toEqual(envoy.enums[name])
  })

  test('and nothing that Envoy does not have', () => {
    const ours: string[] = []
    const walk = (space: protobuf.NamespaceBase): void => {
      for (const nested of space.nestedArray) {
        const name = nested.fullName.slice(1)
        if (name.startsWith('google')) continue
        if (nested instanceof protobuf.Type || nested instanceof protobuf.Enum) ours.push(name)
        if (nested instanceof protobuf.Namespace) walk(nested)
      }
    }
    walk(root)
    expect(ours.filter(name => !(name in envoy.messages) && !(name in envoy.enums))).toEqual([])
  })

  test('the service is where Envoy calls it', () => {
    const service = root.lookupService('envoy.service.ext_proc.v3.ExternalProcessor')
    expect(service.methods.Process).toMatchObject({ requestStream: true, responseStream: true })
  })
})
