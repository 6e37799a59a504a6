import * as auTfn from 'stdnum/lib/cjs/au/tfn.js'
import * as beNn from 'stdnum/lib/cjs/be/nn.js'
import * as brCpf from 'stdnum/lib/cjs/br/cpf.js'
import * as caSin from 'stdnum/lib/cjs/ca/sin.js'
import * as chSsn from 'stdnum/lib/cjs/ch/ssn.js'
import * as cnRic from 'stdnum/lib/cjs/cn/ric.js'
import * as czRc from 'stdnum/lib/cjs/cz/rc.js'
import * as deIdnr from 'stdnum/lib/cjs/de/idnr.js'
import * as dkCpr from 'stdnum/lib/cjs/dk/cpr.js'
import * as esDni from 'stdnum/lib/cjs/es/dni.js'
import * as esNie from 'stdnum/lib/cjs/es/nie.js'
import * as fiHetu from 'stdnum/lib/cjs/fi/hetu.js'
import * as frNir from 'stdnum/lib/cjs/fr/nir.js'
import * as iePps from 'stdnum/lib/cjs/ie/pps.js'
import * as inAadhaar from 'stdnum/lib/cjs/in/aadhaar.js'
import * as inPan from 'stdnum/lib/cjs/in/pan.js'
import * as itCodiceFiscale from 'stdnum/lib/cjs/it/codicefiscale.js'
import * as krRrn from 'stdnum/lib/cjs/kr/rrn.js'
import * as mxCurp from 'stdnum/lib/cjs/mx/curp.js'
import * as nlBsn from 'stdnum/lib/cjs/nl/bsn.js'
import * as noFodselsnummer from 'stdnum/lib/cjs/no/fodselsnummer.js'
import * as plPesel from 'stdnum/lib/cjs/pl/pesel.js'
import * as ptNif from 'stdnum/lib/cjs/pt/nif.js'
import * as sePersonnummer from 'stdnum/lib/cjs/se/personnummer.js'
import * as zaIdnr from 'stdnum/lib/cjs/za/idnr.js'
import type { NumberKind } from './shaped-numbers.ts'

interface Validator {
  readonly validate: (value: string) => { readonly isValid: boolean }
}

const passes =
  ({ validate }: Validator) =>
  (characters: string): boolean =>
    !isRepetition(characters) && validate(characters).isValid

/** As it is written: the sign in it says the century. */
const passesAsWritten =
  ({ validate }: Validator) =>
  (_: string, written: string): boolean =>
    validate(written.replace(/[\u2010-\u2013]/g, '-').toUpperCase()).isValid

/** `000000000` and `111 111 111` pass some checks, and are nobody's number. */
function isRepetition(characters: string): boolean {
  return characters === characters.charAt(0).repeat(characters.length)
}

const words = (list: string): readonly string[] => list.split(',')

/**
 * National numbers of people, by country. The scores of shapes that occur by chance, because they are plain digits or
 * their check is one digit, are low: these count where the text names them.
 */
export const NATIONAL_IDS = {
  au_tfn: {
    shapes: { '3 3 3': 0.25, '3-3-3': 0.25, '9': 0.1, '8': 0.1 },
    accepts: passes(auTfn),
    words: words('tfn,tax file number,tax file no'),
  },
  be_rrn: {
    shapes: { '2.2.2-3.2': 0.9, '2.2.2-3-2': 0.8, '11': 0.3 },
    accepts: passes(beNn),
    words: words(
      'rijksregisternummer,rijksregister,registre national,nationalregisternummer,national register number,insz,niss,rrn',
    ),
  },
  br_cpf: {
    shapes: { '3.3.3-2': 0.9, '11': 0.3 },
    accepts: passes(brCpf),
    words: words('cpf,cadastro de pessoas físicas,cadastro de pessoas fisicas'),
  },
  ca_sin: {
    shapes: { '3 3 3': 0.25, '3-3-3': 0.3, '9': 0.1 },
    accepts: passes(caSin),
    words: words(
      'sin,social insurance number,social insurance,numéro d’assurance sociale,assurance sociale,nas',
    ),
  },
  ch_ahv: {
    shapes: { '3.4.4.2': 0.95, '3 4 4 2': 0.7, '13': 0.5 },
    accepts: passes(chSsn),
    words: words('ahv,ahv-nummer,ahv-nr,avs,numéro avs,numero avs,navs,oasi'),
  },
  cn_resident_id: {
    shapes: { '18': 0.9, '17L': 0.9 },
    accepts: passes(cnRic),
    words: words('身份证,居民身份证,resident identity card'),
  },
  cz_rc: {
    shapes: { '6/4': 0.7, '10': 0.1 },
    accepts: passes(czRc),
    words: words('rodné číslo,rodne cislo,rodné čislo,birth number'),
  },
  de_steuer_id: {
    shapes: { '2 3 3 3': 0.6, '11': 0.3 },
    accepts: passes(deIdnr),
    words: words(
      'steuer-id,steuerid,steuerliche identifikationsnummer,identifikationsnummer,idnr,steuer-idnr,steuer-identifikationsnummer,tax id,tin',
    ),
  },
  dk_cpr: {
    shapes: { '6-4': 0.2, '10': 0.1 },
    accepts: passes(dkCpr),
    words: words('cpr,cpr-nummer,cpr-nr,personnummer'),
  },
  es_dni: {
    shapes: { '8L': 0.6 },
    accepts: passes(esDni),
    words: words('dni,nif,documento de identidad,documento nacional de identidad'),
  },
  es_nie: {
    shapes: { A1D7A1: 0.7 },
    accepts: passes(esNie),
    words: words('nie,número de identidad de extranjero'),
  },
  fi_hetu: {
    shapes: { '6-4': 0.6, '6-3L': 0.8, D6A1D3A1: 0.7, D6A1D4: 0.5 },
    accepts: passesAsWritten(fiHetu),
    words: words('henkilötunnus,hetu,personbeteckning,finnish personal identity code'),
  },
  fr_nir: {
    shapes: { '15': 0.8, '1 2 2 2 3 3 2': 0.9, '13 2': 0.7 },
    accepts: passes(frNir),
    words: words(
      'nir,numéro de sécurité sociale,numero de securite sociale,sécurité sociale,securite sociale,insee',
    ),
  },
  ie_pps: {
    shapes: { '7L': 0.3, D7A2: 0.3 },
    accepts: passes(iePps),
    words: words('pps,ppsn,pps number,personal public service number'),
  },
  in_aadhaar: {
    shapes: { '4 4 4': 0.3, '4-4-4': 0.3, '12': 0.1 },
    accepts: passes(inAadhaar),
    words: words('aadhaar,aadhar,uidai,आधार'),
  },
  in_pan: {
    shapes: { A5D4A1: 0.35 },
    accepts: passes(inPan),
    words: words('pan,pan card,permanent account number'),
  },
  it_codice_fiscale: {
    shapes: { A6D2A1D2A1D3A1: 0.9 },
    accepts: passes(itCodiceFiscale),
    words: words('codice fiscale'),
  },
  kr_rrn: {
    shapes: { '6-7': 0.7, '13': 0.2 },
    accepts: passes(krRrn),
    words: words('주민등록번호,resident registration number,rrn'),
  },
  mx_curp: {
    shapes: { A4D6A6D2: 0.9, A4D6A7D1: 0.9 },
    accepts: passes(mxCurp),
    words: words('curp'),
  },
  nl_bsn: {
    shapes: { '9': 0.1, '3 3 3': 0.2, '4.2.3': 0.4, '4 2 3': 0.2 },
    accepts: passes(nlBsn),
    words: words('bsn,burgerservicenummer,sofinummer,sofi-nummer'),
  },
  no_fnr: {
    shapes: { '6 5': 0.6, '11': 0.3 },
    accepts: passes(noFodselsnummer),
    words: words('fødselsnummer,fodselsnummer,personnummer,fnr'),
  },
  pl_pesel: { shapes: { '11': 0.3 }, accepts: passes(plPesel), words: words('pesel') },
  pt_nif: {
    shapes: { '9': 0.1, '3 3 3': 0.2 },
    accepts: passes(ptNif),
    words: words('nif,contribuinte,número de contribuinte'),
  },
  se_personnummer: {
    shapes: { '6-4': 0.6, '6+4': 0.7, '8-4': 0.85 },
    accepts: passesAsWritten(sePersonnummer),
    words: words('personnummer,personnr,swedish personal identity number'),
  },
  za_id: {
    shapes: { '13': 0.3, '6 4 3': 0.6, '6 4 2 1': 0.6 },
    accepts: passes(zaIdnr),
    words: words('id number,identity number,south african id,sa id'),
  },
} as const satisfies Readonly<Record<string, NumberKind>>

export type NationalId = keyof typeof NATIONAL_IDS
