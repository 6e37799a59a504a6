import type { Archive } from '../archive.ts'
import { linesOf } from './reading.ts'

const DATA = 'presidio_evaluator/data_generator/raw_data/'

export interface Identity {
  readonly name: string
  readonly email: string
  readonly city: string
  readonly country: string
  readonly company: string
  readonly job: string
  readonly domain: string
}

/** Made-up people of many countries. */
export function readIdentities(archive: Archive): Identity[] {
  const [header = '', ...lines] = linesOf(archive.text(`${DATA}FakeNameGenerator.com_3000.csv`))
  const columns = csvFields(header.replace('\ufeff', ''))
  return lines.map(line => {
    const fields = csvFields(line)
    const field = (column: string): string => fields[columns.indexOf(column)] ?? ''
    return {
      name: `${field('GivenName')} ${field('Surname')}`,
      email: field('EmailAddress'),
      city: field('City'),
      country: field('CountryFull'),
      company: field('Company'),
      job: field('Occupation'),
      domain: field('Domain'),
    }
  })
}

/** RFC 4180, one line: quoted fields with doubled quotes. */
function csvFields(line: string): string[] {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, field = '']) =>
    field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field,
  )
}

/** Sentences with places for values. Those that take a street address apart are left out: no one span is right for them. */
export function readTemplates(archive: Archive): string[] {
  return linesOf(archive.text(`${DATA}templates.txt`))
    .filter(
      template =>
        !/\{\{(?:street_name|building_number|secondary_address|zipcode|postcode)\}\}/.test(template),
    )
    .map(template => template.replaceAll('\\n', '\n'))
}
