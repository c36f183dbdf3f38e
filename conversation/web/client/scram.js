// SPDX-License-Identifier: MIT
// The client's side of SASL SCRAM-SHA-256 (RFC 5802, RFC 7677): it proves that it knows the password without sending
// it, and learns whether the server knows it. Browsers offer the hashes on secure pages only (https, localhost).

const HEADER = "n,,";
const ITERATIONS_MIN = 4096, ITERATIONS_MAX = 2000000;	// as in converse (conversation/irc/scram.h)

export const hasScram = Boolean(globalThis.crypto?.subtle);

const encode = (text) => new TextEncoder().encode(text);
const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const escapeName = (name) => name.replace(/[=,]/g, (c) => (c === "=" ? "=3D" : "=2C"));

async function hmac(key, text) {
	const made = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
	return new Uint8Array(await crypto.subtle.sign("HMAC", made, encode(text)));
}

async function saltedPassword(password, salt, iterations) {
	const made = await crypto.subtle.importKey("raw", encode(password), "PBKDF2", false, ["deriveBits"]);
	const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
	return new Uint8Array(await crypto.subtle.deriveBits(how, made, 256));
}

export class Scram {
	constructor(name, password, nonce = toBase64(crypto.getRandomValues(new Uint8Array(24)))) {
		Object.assign(this, { password, nonce, bare: `n=${escapeName(name)},r=${nonce}`, proven: "", isServerRight: false });
	}

	/** The next message to the server, in answer to one; null: the server's is wrong, or it does not know the
	 *  password. */
	async answer(base64) {
		const message = atob(base64);
		if (!message)
			return this.proven ? null : HEADER + this.bare;
		if (this.proven) {
			this.isServerRight = message === this.proven;
			return this.isServerRight ? "" : null;
		}
		const found = /^r=([^,]+),s=([A-Za-z0-9+/]+={0,2}),i=([0-9]+)(,|$)/.exec(message);
		const iterations = Number(found?.[3]);
		if (!found || !found[1].startsWith(this.nonce) || found[1] === this.nonce || found[2].length % 4 !== 0 ||
		    iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX)
			return null;
		const salted = await saltedPassword(this.password, fromBase64(found[2]), iterations);
		const withoutProof = `c=${btoa(HEADER)},r=${found[1]}`;
		const signed = `${this.bare},${message},${withoutProof}`;
		const clientKey = await hmac(salted, "Client Key");
		const storedKey = new Uint8Array(await crypto.subtle.digest("SHA-256", clientKey));
		const signature = await hmac(storedKey, signed);
		this.proven = "v=" + toBase64(await hmac(await hmac(salted, "Server Key"), signed));
		return `${withoutProof},p=${toBase64(clientKey.map((byte, i) => byte ^ signature[i]))}`;
	}
}
