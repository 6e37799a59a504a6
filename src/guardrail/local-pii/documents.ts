import type { Matcher } from './anchor.ts'
import { endsNumber, startsNumber } from './digit-groups.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'

/** A document whose numbers have no check: only the text around tells one. */
export interface DocumentKind {
  readonly number: RegExp
  /** In groups of digits, with the signs between them. */
  readonly grouped?: RegExp
  readonly words: readonly string[]
  readonly others: readonly string[]
}

const OTHERS =
  'call me,call me at,call us,call,text me,order,order number,invoice,ticket,tracking,case,reference,ref,isbn,ssn,itin,nhs,tax,iban,account number,bsn,tfn,sin,nif,dni,pesel,phone,tel,mobile,fax,card,serial,version,commit,vat'

const LICENCE_WORDS =
  "driver's license,drivers license,driver license,driver’s license,driving license,driving licence,driver's licence,drivers licence,driver licence,driver’s licence,licence number,license number,dl number,dl no,führerschein,fuehrerschein,permis de conduire,licencia de conducir,patente di guida,carta de condução,rijbewijs,prawo jazdy,驾驶证,驾照"
const PASSPORT_WORDS =
  'passport,passport number,passport no,passport #,passeport,reisepass,reisepassnummer,pasaporte,passaporto,passaporte,paspoort,paszport,护照,パスポート'

export const PASSPORT: DocumentKind = {
  number:
    /^(?:\d{8,9}|[A-Z]\d{7,8}|[A-Z]{2}\d{6,7}|\d{2}[A-Z]{2}\d{5}|[CFGHJKLMNPRTVWXYZ][0-9CFGHJKLMNPRTVWXYZ]{8})$/,
  words: PASSPORT_WORDS.split(','),
  others: [...OTHERS.split(','), ...LICENCE_WORDS.split(',')],
}

export const DRIVER_LICENSE: DocumentKind = {
  number:
    /^(?:\d{7,12}|[A-Z]{1,3}\d{5,14}|\d{2}[A-Z]{3}\d{5,6}|[A-Z9]{5}\d{6}[A-Z9]{2}\d[A-Z]{2}|[A-Z]\d{3,9}[A-Z]{0,2}\d{0,3})$/,
  grouped: /^\d{3}[ -]\d{3}[ -]\d{3}$/,
  words: LICENCE_WORDS.split(','),
  others: [...OTHERS.split(','), ...PASSPORT_WORDS.split(',')],
}

const BASE = 0.1
const GROUPED_UNITS = 11

export function documentMatcher(settings: EntitySettings, kind: DocumentKind): Matcher {
  return ({ view, at, start, end, digitsEnd, word, groups }, emit) => {
    if (end - start < 7 && (kind.grouped === undefined || digitsEnd - start !== 3)) return
    const evidence = { base: BASE, words: kind.words, others: kind.others }
    if (word.length >= 7 && word.length <= 16 && kind.number.test(word)) {
      if (!view.endsWord(end) || !startsNumber(view, start) || !endsNumber(view, end)) return
      emit(candidateOf(view, settings, start, end, evidence))
      return
    }
    if (kind.grouped === undefined || start !== at || word.length !== 3) return
    const third = groups.at(2)
    if (third === undefined || third.end - at !== GROUPED_UNITS) return
    if (!kind.grouped.test(view.text.slice(at, third.end))) return
    if (!startsNumber(view, at) || !endsNumber(view, third.end)) return
    emit(candidateOf(view, settings, at, third.end, evidence))
  }
}
