import type { Anchor, Matcher } from './anchor.ts'
import { endsNumber, startsNumber } from './digit-groups.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'
import { monthBefore } from './left-reach.ts'
import { isDigit, isLetter, type TextView } from './text-view.ts'

const WORDS =
  'date of birth,dob,d.o.b,birth date,birthdate,birth_date,date_of_birth,birthday,born,born on,geburtsdatum,geboren,geboren am,geb,né le,née le,date de naissance,fecha de nacimiento,nacido,nacida,data di nascita,nato il,nata il,data de nascimento,geboortedatum,urodzony,data urodzenia,född,出生日期,生日,生年月日'.split(
    ',',
  )
const OTHERS = 'release,due,meeting,expires,expiry,issued,created,updated,deadline,valid,published'.split(',')

const MONTHS = /^(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/i
const LONGEST_MONTH = 9
const NUMERIC =
  /^(?:(?<y>\d{4})(?<s>[-/.])(?<m>\d{1,2})\k<s>(?<d>\d{1,2})|(?<a>\d{1,2})(?<t>[-/.])(?<b>\d{1,2})\k<t>(?<z>\d{4}|\d{2}))$/
const NUMERIC_UNITS = 10

/** Dates that the text calls a birthday. A date by itself says nothing of anybody. */
export function birthDateMatcher(settings: EntitySettings): Matcher {
  return (anchor, emit) => {
    const { view, at } = anchor
    if (!mayBeDate(anchor)) return
    const place = numericDate(view, at) ?? dateWithMonth(view, at)
    if (place === undefined) return
    const evidence = { base: 0.1, words: WORDS, others: OTHERS }
    emit(candidateOf(view, settings, place.start, place.end, evidence))
  }
}

/** A date's sign and a digit, a month's name behind it or before it. */
function mayBeDate(anchor: Anchor): boolean {
  const { view, at, end, digitsEnd, next } = anchor
  if (digitsEnd - at > 4) return false
  if (digitsEnd < end || next === 0x2e || next === 0x2c) return true
  if (isDateSign(next) || next === 0x20) {
    const { second } = anchor
    if (isDigit(second) ? isDateSign(next) : isLetter(second)) return true
  }
  return view.code(at - 1) === 0x20 && !isDigit(view.code(at - 2))
}

interface Place {
  readonly start: number
  readonly end: number
}

function numericDate(view: TextView, at: number): Place | undefined {
  const firstEnd = view.runEnd(at, 5, isDigit)
  if (firstEnd - at > 4 || !isDateSign(view.code(firstEnd)) || !startsNumber(view, at)) return undefined
  const end = view.runEnd(at, NUMERIC_UNITS + 1, code => isDigit(code) || isDateSign(code))
  const text = view.text.slice(at, end).replace(/[-/.]$/, '')
  const groups = NUMERIC.exec(text)?.groups
  if (groups === undefined) return undefined
  const { y, m, d, a, b, z } = groups
  const isDate = y === undefined ? isYear(z) && areDayAndMonth(a, b) : isYear(y) && areDayAndMonth(m, d)
  const place = { start: at, end: at + text.length }
  return isDate && view.endsWord(place.end) && endsNumber(view, place.end) ? place : undefined
}

function isDateSign(code: number): boolean {
  return code >= 0x2d && code <= 0x2f
}

function isYear(year = ''): boolean {
  return year.length === 2 || (Number(year) >= 1900 && Number(year) <= 2100)
}

function areDayAndMonth(one = '', other = ''): boolean {
  const [low, high] = [Number(one), Number(other)].sort((x, y) => x - y)
  return low !== undefined && high !== undefined && low >= 1 && low <= 12 && high <= 31
}

/** `5 January 1980`, `January 5th, 1980`. */
function dateWithMonth(view: TextView, at: number): Place | undefined {
  let end = view.runEnd(at, 3, isDigit)
  if (end - at > 2) return undefined
  const suffixEnd = view.runEnd(end, 3, isLetter)
  if (/^(?:st|nd|rd|th)$/.test(view.text.slice(end, suffixEnd))) end = suffixEnd
  const month = view.code(at - 1) === 0x20 ? monthBefore(view.text, at) : at
  if (month < at) {
    const year = yearEnd(view, skip(view, end, ','))
    return year === undefined ? undefined : { start: month, end: year }
  }
  const name = skipSpace(view, skip(view, end, '.'))
  if (name === undefined) return undefined
  const nameEnd = view.runEnd(name, LONGEST_MONTH + 1, isLetter)
  if (!MONTHS.test(view.text.slice(name, nameEnd))) return undefined
  const year = yearEnd(view, skip(view, skip(view, nameEnd, '.'), ','))
  return year === undefined ? undefined : { start: at, end: year }
}

function skip(view: TextView, at: number, sign: string): number {
  return view.code(at) === sign.charCodeAt(0) ? at + 1 : at
}

function skipSpace(view: TextView, at: number): number | undefined {
  return view.code(at) === 0x20 ? at + 1 : undefined
}

/** Where the year ends that stands behind a space. */
function yearEnd(view: TextView, at: number): number | undefined {
  const start = skipSpace(view, at)
  if (start === undefined) return undefined
  const end = view.runEnd(start, 5, isDigit)
  return end - start === 4 && isYear(view.text.slice(start, end)) && view.endsWord(end) ? end : undefined
}
