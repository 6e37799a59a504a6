import { type LocalGuardrail, verdictFrom } from '../guardrail.ts'
import type { Reader } from './candidate.ts'
import { configSchema, type LocalPiiConfig } from './config.ts'
import type { EntitySettings } from './entity.ts'
import { guide } from './guide.ts'
import { openPiiScan, readWhole } from './incremental.ts'
import { readersFor } from './readers.ts'
import { compileSettings, ENTITIES, type Entity } from './settings.ts'

/** What the config looks for. */
export function readersOf({ entities, settings }: LocalPiiConfig): readonly Reader[] {
  const named = new Set<Entity>(entities)
  const wanted = [
    ...named,
    ...ENTITIES.filter(entity => !named.has(entity) && settings[entity].enabled === true),
  ]
  const compiled = wanted
    .filter(entity => settings[entity].enabled !== false)
    .map((entity, rank): [Entity, EntitySettings] => [
      entity,
      compileSettings(entity, rank, settings[entity]),
    ])
  return readersFor({
    entities: new Map(compiled),
    regions: settings.phone.regions,
    nationalIds: settings.national_id.kinds,
  })
}

function create(name: string, config: LocalPiiConfig): LocalGuardrail {
  const readers = readersOf(config)
  return {
    name,
    locality: 'local',
    scan: ({ segments }) =>
      verdictFrom(segments.flatMap(({ text }, segment) => readWhole(readers, text, segment))),
    openScan: () => openPiiScan(readers),
  }
}

/** Personal data by shape and checksum, in this process: nothing leaves it, and every finding has its span. */
export const localPii = { configSchema, secretKeys: [], locality: 'local', guide, create } as const
