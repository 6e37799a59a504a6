import { expect } from 'vitest'
import { chatRequest } from '../support/chat.ts'
import type { Door } from './door.ts'

const PROTOTYPES = { Object, Array, String, Map, Function }
const shapeOfPrototypes = (): unknown =>
  Object.entries(PROTOTYPES).map(([name, { prototype }]) => [name, Reflect.ownKeys(prototype).map(String)])
const BEFORE = shapeOfPrototypes()

/** After whatever came: no fault of ours, no prototype changed, nothing held, and the next exchange is judged. */
export async function expectUnharmed(door: Door, word: string): Promise<void> {
  const { telemetry } = door.weir
  expect(telemetry.faults).toEqual([])
  expect(shapeOfPrototypes()).toEqual(BEFORE)
  await door.idle()
  expect(telemetry.heldBytes).toBe(0)
  const clean = Buffer.from(chatRequest('hello'))
  expect(await door.ask(clean)).toEqual({ kind: 'passed', body: clean })
  expect(await door.ask(Buffer.from(chatRequest(word)))).toMatchObject({ kind: 'refused', why: 'flagged' })
}
