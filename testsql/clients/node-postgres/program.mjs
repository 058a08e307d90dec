// The programme of the clients, with node-postgres: plain SQL, or Metadb's own statements.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'

const require = createRequire(process.env.NODE_MODULES + '/')
const pg = require('pg')
const Cursor = require('pg-cursor')
const copy = require('pg-copy-streams')

const config = () => ({ ssl: process.env.PGSSLROOTCERT ? { ca: readFileSync(process.env.PGSSLROOTCERT), servername: 'localhost' } : false })
const client = new pg.Client(config())
const say = (step, ...values) => console.log(step + ':', ...values.map((v) => JSON.stringify(v)))
const fails = async (step, promise) => {
  try {
    await promise
    say(step, 'no error')
  } catch (e) {
    say(step, e.code, e.position, e.message, e.hint, e.constraint)
  }
}
const rows = async (...args) => (await client.query(...args)).rows

const plain = async () => {
  const r = await client.query('SELECT $1::int8 AS a, $2::text AS b, $3::bytea AS c, $4::bool AS d, $5::date AS e, $6::int[] AS f, $7::json AS g, $8::text AS h',
    [42, "Grüße 'quoted' \\ ✓", Buffer.from([0, 255]), true, '2026-02-28', [1, 2, 3], { k: 1 }, null])
  say('types', r.rows, r.fields.map((f) => f.dataTypeID))
  say('tag', (await client.query('CREATE TABLE item (id integer PRIMARY KEY, name text)')).command)
  await client.query('BEGIN')
  say('insert', (await client.query('INSERT INTO item VALUES ($1, $2)', [1, 'one'])).rowCount)
  await client.query('ROLLBACK')
  say('rolled back', await rows('SELECT count(*) FROM item'))
  await fails('no table', client.query("SELECT 'é', 1 FROM nosuch"))
  await client.query("INSERT INTO item VALUES (3, 'three')")
  await fails('duplicate', client.query('INSERT INTO item VALUES ($1, $2)', [3, 'x']))
  for (let i = 0; i < 8; i++) say('prepared', await rows({ name: 'plus', text: 'SELECT $1::int + 1 AS n', values: [i] }))
  await pipeline(Readable.from(Array.from({ length: 1000 }, (_, i) => `${i + 10}\tn${i}\n`)), client.query(copy.from('COPY item FROM STDIN')))
  let size = 0
  for await (const chunk of client.query(copy.to('COPY item TO STDOUT'))) size += chunk.length
  say('copy', size)
  await fails('broken copy', pipeline(Readable.from(['not a number\tx\n']), client.query(copy.from('COPY item FROM STDIN'))))
  const cursor = client.query(new Cursor('SELECT generate_series(1, $1::int) AS i', [1000]))
  say('cursor', (await cursor.read(100)).length, (await cursor.read(2000)).length)
  await cursor.close()
  say('several statements', (await client.query("SELECT 1 AS a; SELECT 'b' AS b")).map((x) => x.rows))
  say('large', (await rows('SELECT $1::text AS t', ['x'.repeat(3_000_000)]))[0].t.length)
  const watch = new pg.Client(config())
  await watch.connect()
  const sleeping = fails('cancel', client.query('SELECT pg_sleep(60)'))
  const busy = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active' AND datname = current_database()"
  while ((await watch.query(busy)).rowCount === 0);
  await sleeping
  await watch.end()
  say('after cancel', await rows('SELECT 1 AS one'))
  await client.query('LISTEN bell')
  const ring = once(client, 'notification')
  await client.query("SELECT pg_notify('bell', 'ring')")
  const [n] = await ring
  say('notify', n.channel, n.payload)
  const heard = once(client, 'notice')
  await client.query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
  say('notice', (await heard)[0].message)
}

const own = async () => {
  const sources = 'SELECT name, topics FROM metadb.data_sources ORDER BY name'
  const create = 'CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers $1, topics $2)'
  await client.query('BEGIN')
  say('create', (await client.query(create, ['127.0.0.1:1', '^shop'])).command, await rows(sources))
  await client.query('ROLLBACK')
  say('rolled back', await rows(sources))
  await client.query(create, ['127.0.0.1:1', "it's \\ ✓"])
  for (const args of [['LIST data_sources'], ['LIST data_sources', []], [{ text: 'LIST data_sources', name: 'list' }]]) {
    const [row] = await rows(...args)
    say('list', row.name, row.brokers, row.topics, row.enable)
  }
  const [status] = await rows('LIST status')
  say('status', status.type, status.name, typeof status.events, typeof status.unsynchronized)
  await fails('unknown option', client.query("/* é */ CREATE DATA SOURCE x TYPE kafka OPTIONS (topisc 'b')"))
  await fails('unknown option, extended', client.query("/* é */ CREATE DATA SOURCE x TYPE kafka OPTIONS (brokers $1, topisc 'b')", ['b']))
  await fails('exists', client.query(create, ['b', 't']))
  await client.query('BEGIN')
  await fails('in a transaction', client.query(create, ['b', 't']))
  await fails('aborted', client.query('LIST status'))
  await client.query('ROLLBACK')
  for (let i = 0; i < 8; i++) {
    say('prepared', (await client.query({ name: 'alter', text: 'ALTER DATA SOURCE shop OPTIONS (SET topics $1)', values: ['t' + i] })).command)
  }
  say('altered', await rows(sources))
  const cursor = client.query(new Cursor('LIST config'))
  say('cursor', (await cursor.read(1)).length, (await cursor.read(1000)).length > 1)
  await cursor.close()
  const several = await client.query('CREATE DATA ORIGIN a; LIST data_origins; DROP DATA ORIGIN a')
  say('several statements', several.map((x) => x.command), several[1].rows)
  await fails('one of several', client.query('CREATE DATA ORIGIN b; CREATE DATA ORIGIN b'))
  let text = ''
  for await (const chunk of client.query(copy.to('COPY (SELECT name FROM metadb.data_sources) TO STDOUT'))) text += chunk
  say('copy of a view', text, await rows('LIST data_origins'))
  say('drop', (await client.query('DROP DATA SOURCE shop')).command, await rows(sources))
}

await client.connect()
await { plain, own }[process.argv[2]]()
await client.end()
console.log('done:')
