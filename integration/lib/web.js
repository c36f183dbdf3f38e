// SPDX-License-Identifier: MIT
// Node as a web server with two workers, and as a client with a pool of connections:
//
//     web.js serve PORT               returns each POST unchanged, with the worker's id in the header "worker"
//     web.js call URL REQUESTS BYTES  eight at a time, of random bytes; prints how many connections were used
//                                     and how many workers have answered; exit code 1 if one failed
'use strict';
const cluster = require('node:cluster');
const crypto = require('node:crypto');
const http = require('node:http');

const WORKERS = 2;
const AT_ONCE = 8;

function serve(port) {
	if (cluster.isPrimary) {
		for (let i = 0; i < WORKERS; i++)
			cluster.fork();
		return;
	}
	http.createServer((request, response) => {
		response.setHeader('worker', process.pid);
		request.pipe(response);
	}).listen({port, host: '::'});
}

function requestOnce(agent, url, size, seen) {
	const content = crypto.randomBytes(size);
	return new Promise((resolve, reject) => {
		const request = http.request(url, {agent, method: 'POST'}, (response) => {
			const pieces = [];
			seen.workers.add(response.headers.worker);
			seen.connections.add(response.socket.localPort);
			response.on('data', (piece) => pieces.push(piece));
			response.on('error', reject);
			response.on('end', () => {
				if (Buffer.concat(pieces).equals(content))
					resolve();
				else
					reject(new Error('other bytes came back'));
			});
		});
		request.on('error', reject);
		request.end(content);
	});
}

async function call(url, requests, size) {
	const agent = new http.Agent({keepAlive: true, maxSockets: AT_ONCE});
	const seen = {workers: new Set(), connections: new Set()};
	const all = Array.from({length: requests}, () => requestOnce(agent, url, size, seen));
	await Promise.all(all);
	agent.destroy();
	console.log(`${requests} requests, ${seen.connections.size} connections, ${seen.workers.size} workers`);
}

const [what, where, requests, size] = process.argv.slice(2);
if (what === 'serve')
	serve(Number(where));
else
	call(where, Number(requests), Number(size));
