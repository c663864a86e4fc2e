// A service on Node's own HTTP server: three handlers that need the event loop, and one that
// awaits.
'use strict'
const http = require('node:http')
const { setTimeout: delay } = require('node:timers/promises')

const rows = Array.from({ length: 9000 }, (_, id) => ({
  id,
  name: `item ${(id * 7919) % 9000}`,
  price: (id * 31) % 997,
}))

// Serializes a part of the rows.
function item(id) {
  return { found: rows[id % rows.length], near: JSON.stringify(rows.slice(0, 2000)).length }
}

function search(text) {
  const found = rows.filter((row) => JSON.stringify(row).includes(text))
  return { count: found.length }
}

function report() {
  const sorted = [...rows].sort((a, b) => a.name.localeCompare(b.name))
  return { first: sorted[0], sum: rows.reduce((sum, row) => sum + row.price, 0) }
}

// Waits twice, for 3 to 30 ms each, by the id: the same id always waits as long.
async function slow(id) {
  for (const factor of [1, 7]) {
    await delay(3 + ((id * factor * 13) % 28))
  }
  return search(String(id))
}

async function answer(url) {
  const id = Number(url.pathname.split('/')[2] ?? 0)
  if (url.pathname.startsWith('/items/')) return item(id)
  if (url.pathname.startsWith('/slow/')) return slow(id)
  return url.pathname === '/search' ? search(url.searchParams.get('q')) : report()
}

http
  .createServer(async (request, response) => {
    const text = JSON.stringify(await answer(new URL(request.url, 'http://localhost')))
    response.writeHead(200, { 'content-type': 'application/json' }).end(text)
  })
  .listen(Number(process.argv[2]), '127.0.0.1')
