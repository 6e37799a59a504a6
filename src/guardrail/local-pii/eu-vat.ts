import * as atUid from 'stdnum/lib/cjs/at/uid.js'
import * as beVat from 'stdnum/lib/cjs/be/vat.js'
import * as bgVat from 'stdnum/lib/cjs/bg/vat.js'
import * as cyVat from 'stdnum/lib/cjs/cy/vat.js'
import * as czDic from 'stdnum/lib/cjs/cz/dic.js'
import * as deVat from 'stdnum/lib/cjs/de/vat.js'
import * as dkCvr from 'stdnum/lib/cjs/dk/cvr.js'
import * as eeKmkr from 'stdnum/lib/cjs/ee/kmkr.js'
import * as esNif from 'stdnum/lib/cjs/es/nif.js'
import * as fiAlv from 'stdnum/lib/cjs/fi/alv.js'
import * as frTva from 'stdnum/lib/cjs/fr/tva.js'
import * as grVat from 'stdnum/lib/cjs/gr/vat.js'
import * as hrOib from 'stdnum/lib/cjs/hr/oib.js'
import * as huAnum from 'stdnum/lib/cjs/hu/anum.js'
import * as ieVat from 'stdnum/lib/cjs/ie/vat.js'
import * as itIva from 'stdnum/lib/cjs/it/iva.js'
import * as ltPvm from 'stdnum/lib/cjs/lt/pvm.js'
import * as luTva from 'stdnum/lib/cjs/lu/tva.js'
import * as lvPvn from 'stdnum/lib/cjs/lv/pvn.js'
import * as mtVat from 'stdnum/lib/cjs/mt/vat.js'
import * as nlBtw from 'stdnum/lib/cjs/nl/btw.js'
import * as plNip from 'stdnum/lib/cjs/pl/nip.js'
import * as ptNif from 'stdnum/lib/cjs/pt/nif.js'
import * as roCui from 'stdnum/lib/cjs/ro/cui.js'
import * as seVat from 'stdnum/lib/cjs/se/vat.js'
import * as siDdv from 'stdnum/lib/cjs/si/ddv.js'
import * as skDph from 'stdnum/lib/cjs/sk/dph.js'
import type { Matcher } from './anchor.ts'
import { endsNumber, pairBefore, startsNumber } from './digit-groups.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'
import { isAlphanumeric } from './text-view.ts'

/** What stands behind the two letters, by country, and its check. */
type VatRule = readonly [shape: RegExp, check: { validate(value: string): { isValid: boolean } }]

const RULES: ReadonlyMap<string, VatRule> = new Map(
  Object.entries({
    AT: [/^U\d{8}$/, atUid],
    BE: [/^[01]\d{9}$/, beVat],
    BG: [/^\d{9,10}$/, bgVat],
    CY: [/^\d{8}[A-Z]$/, cyVat],
    CZ: [/^\d{8,10}$/, czDic],
    DE: [/^[1-9]\d{8}$/, deVat],
    DK: [/^\d{8}$/, dkCvr],
    EE: [/^\d{9}$/, eeKmkr],
    EL: [/^\d{9}$/, grVat],
    ES: [/^(?:[A-Z]\d{7}[A-Z0-9]|\d{8}[A-Z])$/, esNif],
    FI: [/^\d{8}$/, fiAlv],
    FR: [/^[A-HJ-NP-Z0-9]{2}\d{9}$/, frTva],
    HR: [/^\d{11}$/, hrOib],
    HU: [/^\d{8}$/, huAnum],
    IE: [/^(?:\d{7}[A-W][A-I]?|\d[A-Z+*]\d{5}[A-W])$/, ieVat],
    IT: [/^\d{11}$/, itIva],
    LT: [/^(?:\d{9}|\d{12})$/, ltPvm],
    LU: [/^\d{8}$/, luTva],
    LV: [/^\d{11}$/, lvPvn],
    MT: [/^\d{8}$/, mtVat],
    NL: [/^\d{9}B\d{2}$/, nlBtw],
    PL: [/^\d{10}$/, plNip],
    PT: [/^[1-9]\d{8}$/, ptNif],
    RO: [/^[1-9]\d{5,9}$/, roCui],
    SE: [/^\d{12}$/, seVat],
    SI: [/^[1-9]\d{7}$/, siDdv],
    SK: [/^[1-9]\d{9}$/, skDph],
  } satisfies Record<string, VatRule>),
)

const WORDS =
  'vat,vat id,vat number,vat no,vat-id,tax number,tax id,ust-id,ust-idnr,ust.-id,umsatzsteuer,uid,tva,iva,p.iva,partita iva,btw,btw-nummer,nif,cif,moms,alv,nip,nipc,cvr'.split(
    ',',
  )
const OTHERS = 'order,order number,invoice,tracking,ticket,part,serial,flight,commit'.split(',')
const LONGEST = 12

/** VAT ids of the EU's countries: the country, the shape it prescribes, and the check digits. */
export function vatMatcher(settings: EntitySettings): Matcher {
  return ({ view, at, start }, emit) => {
    const apart = start === at
    const from = apart ? pairBefore(view, at) : start
    if (from === at) return
    const country = view.text.slice(Math.max(0, from), from + 2)
    const rule = country.length === 2 ? RULES.get(country.toUpperCase()) : undefined
    if (rule === undefined) return
    const restFrom = apart ? at : from + 2
    const end = view.runEnd(restFrom, LONGEST + 1, isAlphanumeric)
    const rest = view.text.slice(restFrom, end)
    const [shape, check] = rule
    if (!shape.test(rest) || !view.startsWord(from) || !view.endsWord(end)) return
    if (!startsNumber(view, from) || !endsNumber(view, end)) return
    const isUpper = country === country.toUpperCase()
    if (apart && !isUpper) return
    const base = !isUpper || rest.length < 8 ? 0.2 : apart ? 0.6 : 0.75
    const evidence = { base, words: WORDS, others: OTHERS, check: () => check.validate(rest).isValid }
    emit(candidateOf(view, settings, from, end, evidence))
  }
}
