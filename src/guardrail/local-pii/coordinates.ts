import type { Matcher } from './anchor.ts'
import { jointOf } from './digit-groups.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'
import { isAlphanumeric, oneOf } from './text-view.ts'

const WORDS =
  'coordinates,coordinate,coords,location,located,gps,gps position,position,latitude,longitude,lat,lon,lng,geo,geolocation,map,maps,latlng,lat/lon,koordinaten,standort,coordonnées,coordenadas,ubicación,坐标,位置'.split(
    ',',
  )
const OTHERS = 'vector,weights,embedding,tensor,array,matrix,loss,rgb,scores,probabilities'.split(',')

const DECIMALS =
  /^(?<lat>\d{1,2}\.\d{3,15})(?<north>°? ?[NSns]\b|°)?(?:[,;] ?| )(?<sign>[+-]?)(?<lon>\d{1,3}\.\d{3,15})(?<east>°? ?[EWew]\b|°)?/
const ANGLE = String.raw`\d{1,3}° ?\d{1,2}['′’] ?(?:\d{1,2}(?:\.\d{1,6})?(?:\\?"|″|”|'') ?)?`
const DEGREES = new RegExp(`^${ANGLE}[NS],? ?${ANGLE}[EW]`)
const MAX_UNITS = 64
const PRECISE = 0.45

/** Latitude and longitude, in degrees with decimals or with minutes and seconds. */
export function coordinatesMatcher(settings: EntitySettings): Matcher {
  return ({ view, at, digitsEnd }, emit) => {
    const next = view.text[digitsEnd]
    if (digitsEnd - at > 3 || (next !== '.' && next !== '°')) return
    const signed = jointOf(view.text[at - 1]) === '-' && !isAlphanumeric(view.code(at - 2))
    const start = signed ? at - 1 : at
    // Behind another number it is one of a vector's.
    if (/\d(?:\.|[,;] ?)$/.test(view.text.slice(Math.max(0, start - 3), start))) return
    const to = view.runEnd(at, MAX_UNITS, isPart)
    const piece = view.text.slice(at, to)
    const base = next === '.' ? decimalScore(piece) : degreeScore(piece)
    if (base === undefined) return
    const end = at + base.units
    if (!view.endsWord(end) || goesOn(view.text, end)) return
    emit(candidateOf(view, settings, start, end, { base: base.score, words: WORDS, others: OTHERS }))
  }

  /** A third number makes it a vector. */
  function goesOn(text: string, end: number): boolean {
    return /^(?:,? ?[+-]?\d|\.\d)/.test(text.slice(end, end + 4))
  }
}

function isPart(code: number): boolean {
  return isAsciiPart(code) || (code >= 0x80 && PARTS.includes(String.fromCharCode(code)))
}
const isAsciiPart = oneOf('0123456789 .,;+-\'"\\NSEWnsew')
const PARTS = '°′″’”'

function decimalScore(piece: string) {
  const match = DECIMALS.exec(piece)
  const { lat, lon, north, east } = match?.groups ?? {}
  if (match === null || Number(lat) > 90 || Number(lon) > 180) return undefined
  const isNamed = /[NS]/i.test(north ?? '') && /[EW]/i.test(east ?? '')
  return { units: match[0].length, score: isNamed ? 0.9 : PRECISE }
}

function degreeScore(piece: string) {
  const match = DEGREES.exec(piece)
  return match === null ? undefined : { units: match[0].length, score: 0.9 }
}
