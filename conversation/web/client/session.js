// SPDX-License-Identifier: MIT
// A user's session: the connection, which is made again when it breaks, the rooms (channels and conversations),
// their lines, and the lines that wait for their echo. It knows nothing of the page: changed(room, what) tells.

import { cut, fold, format, parse } from "./irc.js";
import { Scram, hasScram } from "./scram.js";

const WANTED = ["message-tags", "server-time", "batch", "labeled-response", "echo-message", "sasl", "multi-prefix",
	"draft/chathistory", "draft/read-marker", "apollonion/receipts"];
const LINE_ID = "+apollonion/line";
const TEXT_BYTES_MAX = 350;	// leaves room for the source and a long target
const SASL_BYTES = 400;		// of AUTHENTICATE; a shorter piece is the last one
const PAGE = 50;		// lines of a request for history
const LINES_MAX = 2000;		// kept for each room
const OUTBOX_MAX = 200;
const SILENCE_MS = 45000;	// then a PING; as long again, and the connection counts as broken
const RETRY_MAX_MS = 30000;
const TYPING_MS = 6000;

export class Session {
	constructor(url, nick, password, channels, changed) {
		Object.assign(this, { url, wantedNick: nick, nick, password, changed });
		this.rooms = new Map();
		this.outbox = new Map();	// line id -> { target, text, room }
		this.stream = Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(16)).join("");
		this.count = 0;
		this.tries = 0;
		this.batches = new Map();
		this.wanted = new Map(channels.map((name) => [fold(name), name]));
		this.isOpen = this.isWelcome = this.hasEnded = false;
		this.connect();
		this.watch = setInterval(() => this.onTick(), 5000);
	}

	// ---- the connection ----

	connect() {
		clearTimeout(this.retry);
		this.caps = new Set();
		this.batches.clear();
		for (const room of this.rooms.values())
			room.isAsking = false;
		this.isWelcome = this.offersScram = false;
		this.pinged = false;
		this.heardAt = Date.now();
		const socket = new WebSocket(this.url, ["text.ircv3.net"]);
		this.socket = socket;
		socket.onopen = () => this.socket === socket && this.onOpen();
		socket.onmessage = (event) => this.socket === socket && this.onLine(event.data);
		socket.onclose = () => this.socket === socket && this.onClose();
	}

	send(command, ...params) {
		this.sendTagged({}, command, ...params);
	}

	sendTagged(tags, command, ...params) {
		if (this.socket.readyState === WebSocket.OPEN)
			this.socket.send(format(this.caps.has("message-tags") ? tags : {}, command, ...params));
	}

	onOpen() {
		this.send("CAP", "LS", "302");
		this.nick = this.wantedNick;
		this.send("NICK", this.nick);
		this.send("USER", this.wantedNick.replace(/[^A-Za-z0-9]/g, "") || "web", "0", "*", this.wantedNick);
	}

	onClose() {
		if (this.hasEnded)
			return;
		this.isWelcome = false;
		const wait = Math.min(RETRY_MAX_MS, 500 * 2 ** this.tries++) * (0.5 + Math.random() / 2);
		this.retry = setTimeout(() => this.connect(), wait);
		this.changed(null, "status", "Not connected. Trying again …");
	}

	/** The browser says that the network is back. */
	hurry() {
		if (!this.hasEnded && this.socket.readyState === WebSocket.CLOSED)
			this.connect();
	}

	end(reason) {
		this.hasEnded = true;
		clearInterval(this.watch);
		clearTimeout(this.retry);
		this.socket.close(1000);
		this.changed(null, "end", reason);
	}

	onTick() {
		for (const room of this.rooms.values())
			for (const [nick, until] of room.typing)
				if (until < Date.now() && room.typing.delete(nick))
					this.changed(room, "typing");
		if (this.socket.readyState !== WebSocket.OPEN || Date.now() - this.heardAt < SILENCE_MS)
			return;
		if (this.pinged) {
			this.socket.close();
			this.socket = { readyState: WebSocket.CLOSED, close() {} };
			this.onClose();
			return;
		}
		this.pinged = true;
		this.heardAt = Date.now();
		this.send("PING", "web");
	}

	// ---- signing up ----

	onCap(message) {
		const [, verb, ...rest] = message.params;
		const list = rest[rest.length - 1].split(" "), names = list.map((name) => name.split("=", 1)[0]);
		if (verb === "LS") {
			if (list.some((name) => name.startsWith("sasl=") && name.slice(5).split(",").includes("SCRAM-SHA-256")))
				this.offersScram = true;
			names.forEach((name) => this.caps.add(name));
			if (rest[0] === "*")
				return;
			const have = WANTED.filter((name) => this.caps.has(name) && (name !== "sasl" || this.password));
			this.hasSasl = this.caps.has("sasl");
			this.caps.clear();
			this.send("CAP", "REQ", have.join(" "));
		} else if (verb === "ACK") {
			names.forEach((name) => this.caps.add(name));
			if (!this.password)
				this.send("CAP", "END");
			else if (this.caps.has("sasl"))
				this.logIn(hasScram && (this.offersScram || this.isPasswordKnown));
			else
				this.end("This server takes passwords only over a secure connection (https).");
		} else if (verb === "NAK") {
			this.send("CAP", "END");
		}
	}

	logIn(isScram) {
		this.scram = isScram ? new Scram(this.wantedNick, this.password) : null;
		this.pieces = "";
		this.send("AUTHENTICATE", isScram ? "SCRAM-SHA-256" : "PLAIN");
	}

	authenticate(text) {
		const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(text)));
		for (let at = 0; at <= base64.length; at += SASL_BYTES)
			this.send("AUTHENTICATE", base64.slice(at, at + SASL_BYTES) || "+");
	}

	async onChallenge(piece) {
		const { scram, socket } = this;
		this.pieces += piece === "+" ? "" : piece;
		if (piece.length >= SASL_BYTES && this.pieces.length < 2 * SASL_BYTES)
			return;
		const answer = scram ? await scram.answer(this.pieces).catch(() => null) : `\0${this.wantedNick}\0${this.password}`;
		if (this.socket !== socket || this.scram !== scram)
			return;
		this.pieces = "";
		if (answer === null) {
			this.end("Not logged in: the server does not know the password.");
			return;
		}
		this.isPasswordKnown ||= answer === "";
		this.authenticate(answer);
	}

	onLoggedIn() {
		if (this.scram && !this.scram.isServerRight)
			this.changed(null, "notice", "The server has not proven that it knows the password.");
		this.send("CAP", "END");
	}

	/** An account that was made before the server had SCRAM has no keys for it until the first login with the
	 *  password. Not if the server has proven that it knows the password: then only an impostor refuses it. */
	onLoginRefused(message) {
		if (message.command === "904" && this.scram && !this.isPasswordKnown)
			this.logIn(false);
		else
			this.end(message.params[message.params.length - 1]);
	}

	onWelcome(message) {
		this.nick = message.params[0];
		this.isWelcome = true;
		this.tries = 0;
		this.changed(null, "status", "");
		this.changed(null, "welcome");
		for (const name of this.wanted.values())
			this.send("JOIN", name);
		for (const room of this.rooms.values())
			if (!room.isChannel)
				this.catchUp(room);
		if (this.nick !== this.wantedNick)
			this.regain = setTimeout(() => this.send("NICK", this.wantedNick), 20000);
	}

	onNickRefused(message) {
		const reason = message.params[message.params.length - 1];
		if (this.isWelcome)
			this.changed(null, "notice", reason);
		else if (message.command !== "433" || /registered/i.test(reason) || this.nick.endsWith("____"))
			this.end(reason);
		else
			this.send("NICK", (this.nick = this.nick.slice(0, 28) + "_"));
	}

	// ---- rooms ----

	room(name) {
		let room = this.rooms.get(fold(name));
		if (!room) {
			room = { name, isChannel: name.startsWith("#"), topic: "", people: new Map(), lines: [], seen: new Set(),
				typing: new Map(), readAt: 0, isComplete: false, isAsking: false, lastId: "" };
			this.rooms.set(fold(name), room);
			this.changed(room, "room");
			if (!room.isChannel && this.isWelcome)
				this.catchUp(room);
		}
		return room;
	}

	join(name) {
		this.wanted.set(fold(name), name);
		this.send("JOIN", name);
	}

	leave(room) {
		this.wanted.delete(fold(room.name));
		if (room.isChannel)
			this.send("PART", room.name);
		this.drop(room);
	}

	drop(room) {
		this.rooms.delete(fold(room.name));
		this.changed(room, "gone");
	}

	addEvent(room, text) {
		this.addLine(room, { id: "", at: Date.now(), nick: "", text, isEvent: true });
	}

	/** Adds a line where its time belongs; a line that is there already is not added again. */
	addLine(room, line) {
		for (const key of [line.id, line.lineId].filter(Boolean)) {
			if (room.seen.has(key))
				return;
			room.seen.add(key);
		}
		let at = room.isAsking === "BEFORE" && line.isPast ? 0 : room.lines.length;
		while (at < room.lines.length && room.lines[at].at < line.at)
			at++;
		while (at > 0 && room.lines[at - 1].at > line.at)
			at--;
		room.lines.splice(at, 0, line);
		if (line.id && (!room.lastAt || line.at >= room.lastAt)) {
			room.lastAt = line.at;
			room.lastId = line.id;
		}
		if (room.lines.length > LINES_MAX)
			room.lines.splice(0, room.lines.length - LINES_MAX);
		this.changed(room, "line", line);
	}

	unread(room) {
		return room.lines.filter((line) => !line.isEvent && !line.isOwn && line.at > room.readAt).length;
	}

	markRead(room) {
		const last = room.lines.findLast((line) => line.id);
		if (!last || last.at <= room.readAt)
			return;
		room.readAt = last.at;
		if (this.caps.has("draft/read-marker") && this.password)
			this.send("MARKREAD", room.name, "timestamp=" + new Date(last.at).toISOString());
		this.changed(room, "read");
	}

	// ---- history ----

	catchUp(room) {
		if (!this.caps.has("draft/chathistory"))
			this.resend(room);
		else if (room.lastId)
			this.ask(room, "AFTER", "msgid=" + room.lastId);
		else
			this.ask(room, "LATEST", "*");
	}

	older(room) {
		const first = room.lines.find((line) => line.id);
		if (first && !room.isComplete && !room.isAsking && this.caps.has("draft/chathistory"))
			this.ask(room, "BEFORE", "msgid=" + first.id);
	}

	ask(room, how, from) {
		room.isAsking = how;
		this.send("CHATHISTORY", how, room.name, from, String(PAGE));
	}

	onHistory(name, messages) {
		const room = this.room(name), how = room.isAsking, before = room.lastId;
		// Of lines of the same millisecond, older ones belong before those that are there.
		(how === "BEFORE" ? messages.reverse() : messages).forEach((message) => this.onMessage(message, room));
		room.isAsking = false;
		this.changed(room, "history");
		if (how === "AFTER" && messages.length > 0 && room.lastId !== before)
			this.catchUp(room);
		else if (how === "BEFORE")
			room.isComplete = messages.length === 0;
		else
			this.resend(room);
	}

	onBatch(message) {
		const [name, type, target] = message.params, id = name.slice(1);
		if (name[0] === "+") {
			this.batches.set(id, { type, target, messages: [] });
			return;
		}
		const batch = this.batches.get(id);
		this.batches.delete(id);
		if (batch?.type === "chathistory")
			this.onHistory(batch.target, batch.messages);
	}

	// ---- saying ----

	say(room, text) {
		for (const row of text.split("\n"))
			for (const part of cut(row, TEXT_BYTES_MAX))
				this.queue(room, part);
		this.typed(room, "done");
	}

	queue(room, text) {
		if (this.outbox.size >= OUTBOX_MAX) {
			this.changed(null, "status", "Too many lines wait to be sent.");
			return;
		}
		const id = `${this.stream}.${++this.count}`;
		this.outbox.set(id, { room, text });
		this.changed(room, "waiting");
		if (this.isWelcome && room.isAsking !== "AFTER" && room.isAsking !== "LATEST")
			this.deliver(id);
	}

	deliver(id) {
		const { room, text } = this.outbox.get(id);
		this.sendTagged({ label: id, [LINE_ID]: id }, "PRIVMSG", room.name, text);
		if (!this.caps.has("echo-message")) {
			this.outbox.delete(id);
			this.addLine(room, { id: "", lineId: id, at: Date.now(), nick: this.nick, text, isOwn: true });
		}
	}

	/** After history has shown which lines had arrived: the others again, in their order. */
	resend(room) {
		for (const [id, waiting] of this.outbox)
			if (waiting.room === room)
				this.deliver(id);
	}

	typed(room, state) {
		const now = Date.now();
		if (!this.caps.has("message-tags") || (state === "active" && now - (room.typedAt ?? 0) < 3000) ||
		    (state === "done" && !room.typedAt))
			return;
		room.typedAt = state === "active" ? now : 0;
		this.sendTagged({ "+typing": state }, "TAGMSG", room.name);
	}

	// ---- what the server says ----

	onLine(text) {
		const message = parse(text);
		this.heardAt = Date.now();
		this.pinged = false;
		const batch = this.batches.get(message.tags.get("batch"));
		if (batch?.type === "chathistory" && message.command !== "BATCH")
			batch.messages.push(message);
		else
			(HANDLERS[message.command] ?? onOther)(this, message);
	}

	onMessage(message, historyRoom) {
		const [target, raw] = message.params, isOwn = fold(message.nick) === fold(this.nick);
		const lineId = message.tags.get(LINE_ID) ?? "";
		if (!message.source.includes("!") && !historyRoom) {
			this.changed(null, "notice", raw);
			return;
		}
		const room = historyRoom ?? this.room(target.startsWith("#") || isOwn ? target : message.nick);
		const time = Date.parse(message.tags.get("time") ?? "") || Date.now();
		const action = /^\x01ACTION (.*?)\x01?$/.exec(raw);
		if (raw.startsWith("\x01") && !action)
			return;
		room.typing.delete(message.nick);
		if (this.outbox.delete(lineId))
			this.changed(room, "waiting");
		const text = (action ? action[1] : raw).replace(/[\x00-\x1f]/g, "");
		this.addLine(room, { id: message.tags.get("msgid") ?? "", lineId, at: time, nick: message.nick, text, isOwn,
			isPast: Boolean(historyRoom), isAction: Boolean(action) });
	}

	onReceipt([id, target, arrived, recipients]) {
		const room = this.rooms.get(fold(target)), line = room?.lines.findLast((one) => one.id === id);
		if (!line)
			return;
		line.receipt = [Number(arrived), Number(recipients)];
		this.changed(room, "receipt", line);
	}

	/** The server has refused the line with that label. */
	onRefused(message) {
		const id = message.tags.get("label"), waiting = this.outbox.get(id);
		if (!waiting)
			return false;
		this.outbox.delete(id);
		this.changed(waiting.room, "waiting");
		this.addEvent(waiting.room, `Not sent: “${waiting.text}” (${message.params[message.params.length - 1]})`);
		return true;
	}

	forEachRoomOf(nick, what) {
		for (const room of this.rooms.values())
			if (room.people.has(nick))
				what(room);
	}
}

// ---- a handler for each command ----

function onOther(session, message) {
	const isError = /^[45]\d\d$/.test(message.command) || message.command === "FAIL";
	if (message.command === "FAIL" && message.params[0] === "CHATHISTORY") {
		for (const room of session.rooms.values())
			if (room.isAsking && message.params.some((param) => fold(param) === fold(room.name))) {
				room.isAsking = false;
				session.resend(room);
			}
	} else if (isError && !session.onRefused(message) && session.isWelcome && message.command !== "422") {
		session.changed(null, "notice", message.params.slice(1).join(" "));
	}
}

function onJoin(session, { nick, params: [name] }) {
	const room = session.room(name);
	if (fold(nick) === fold(session.nick)) {
		room.people.clear();
		session.wanted.set(fold(name), name);
		session.catchUp(room);
	} else {
		session.addEvent(room, `${nick} has joined`);
	}
	room.people.set(nick, "");
	session.changed(room, "people");
}

function onAway(session, nick, room, text) {
	room.people.delete(nick);
	room.typing.delete(nick);
	session.addEvent(room, text);
	session.changed(room, "people");
}

function onPart(session, { nick, params: [name, reason] }) {
	const room = session.rooms.get(fold(name));
	if (room && fold(nick) === fold(session.nick))
		session.drop(room);
	else if (room)
		onAway(session, nick, room, `${nick} has left${reason ? ` (${reason})` : ""}`);
}

function onKick(session, { nick, params: [name, whom, reason] }) {
	const room = session.room(name);
	onAway(session, whom, room, `${whom} was removed by ${nick}${reason ? ` (${reason})` : ""}`);
	if (fold(whom) === fold(session.nick))
		session.wanted.delete(fold(name));
}

function onNick(session, { nick, params: [next] }) {
	if (fold(nick) === fold(session.nick))
		session.nick = next;
	session.forEachRoomOf(nick, (room) => {
		room.people.set(next, room.people.get(nick));
		onAway(session, nick, room, `${nick} is now ${next}`);
	});
}

function onNames(session, { params: [, , name, names] }) {
	const room = session.room(name);
	for (const entry of names.split(" ").filter(Boolean)) {
		const [, rank, nick] = /^([~&@%+]*)(.*)$/.exec(entry);
		room.people.set(nick.split("!", 1)[0], rank[0] ?? "");
	}
	session.changed(room, "people");
}

function onTopic(session, name, text) {
	const room = session.room(name);
	room.topic = text;
	session.changed(room, "topic");
}

function onTyping(session, { nick, tags, params: [target] }) {
	const state = tags.get("+typing"), room = session.rooms.get(fold(target.startsWith("#") ? target : nick));
	if (!room || !state || fold(nick) === fold(session.nick))
		return;
	if (state === "active")
		room.typing.set(nick, Date.now() + TYPING_MS);
	else
		room.typing.delete(nick);
	session.changed(room, "typing");
}

function onMarker(session, { params: [name, marker] }) {
	const room = session.rooms.get(fold(name)), at = Date.parse((marker ?? "").replace("timestamp=", ""));
	if (room && at > room.readAt) {
		room.mark = room.hasMarker ? room.mark : at;
		room.hasMarker = true;
		room.readAt = at;
		session.changed(room, "read");
	}
}

const refuseNick = (session, message) => session.onNickRefused(message);
const refuseLogin = (session, message) => session.onLoginRefused(message);

const HANDLERS = {
	CAP: (session, message) => session.onCap(message),
	AUTHENTICATE: (session, { params: [piece] }) => session.onChallenge(piece),
	PING: (session, { params }) => session.send("PONG", ...params),
	PONG: () => {},
	BATCH: (session, message) => session.onBatch(message),
	PRIVMSG: (session, message) => session.onMessage(message),
	NOTICE: (session, message) => session.onMessage(message),
	TAGMSG: onTyping,
	JOIN: onJoin,
	PART: onPart,
	KICK: onKick,
	NICK: onNick,
	QUIT: (session, { nick, params: [reason] }) =>
		session.forEachRoomOf(nick, (room) => onAway(session, nick, room, `${nick} has quit (${reason ?? ""})`)),
	TOPIC: (session, { params: [name, text] }) => onTopic(session, name, text),
	MARKREAD: onMarker,
	RECEIPT: (session, { params }) => session.onReceipt(params),
	ERROR: (session, { params: [reason] }) => session.changed(null, "notice", reason),
	"001": (session, message) => session.onWelcome(message),
	332: (session, { params: [, name, text] }) => onTopic(session, name, text),
	353: onNames,
	903: (session) => session.onLoggedIn(),
	904: refuseLogin,
	902: refuseLogin,
	432: refuseNick,
	433: refuseNick,
};
