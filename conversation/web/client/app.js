// SPDX-License-Identifier: MIT
// The page: shows a session's rooms, and passes on what the user does.

import { Session } from "./session.js";

const $ = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
let session = null, current = null, atBottom = true, notice = 0;

function element(name, className, text) {
	const made = document.createElement(name);
	if (className)
		made.className = className;
	if (text !== undefined)
		made.textContent = text;
	return made;
}

// ---- lines ----

function receiptText([arrived, recipients]) {
	return recipients === 0 ? "" : arrived === recipients ? `✓ ${recipients}` : `${arrived} of ${recipients}`;
}

function lineElement(line) {
	const row = element("div", "line" + (line.isEvent ? " event" : line.isWaiting ? " waiting" : ""));
	const time = element("time", "", clock.format(line.at)), text = element("p");
	time.dateTime = new Date(line.at).toISOString();
	if (line.nick)
		text.append(element("span", "who", line.isAction ? `* ${line.nick} ` : `${line.nick}: `));
	text.append(line.text);
	row.append(time, text);
	if (line.receipt && receiptText(line.receipt)) {
		const receipt = element("span", "receipt", receiptText(line.receipt));
		receipt.title = `received by ${line.receipt[0]} of ${line.receipt[1]}`;
		row.append(receipt);
	}
	return row;
}

function waitingLines(room) {
	return Array.from(session.outbox.values()).filter((waiting) => waiting.room === room)
		.map(({ text }) => lineElement({ at: Date.now(), nick: session.nick, text, isWaiting: true }));
}

/** Shows the room's lines; the reader's place is kept unless it is the end. */
function showLines() {
	const log = $("log"), fromEnd = log.scrollHeight - log.scrollTop;
	const rows = [];
	let isNewShown = false;
	for (const line of current.lines) {
		if (!isNewShown && line.at > current.mark && !line.isOwn && !line.isEvent) {
			rows.push(element("p", "new", "new"));
			isNewShown = true;
		}
		line.row ??= lineElement(line);
		rows.push(line.row);
	}
	log.replaceChildren(...rows, ...waitingLines(current));
	log.scrollTop = atBottom ? log.scrollHeight : log.scrollHeight - fromEnd;
	if (atBottom && document.hasFocus() && !document.hidden)
		session.markRead(current);
}

/** A line at the end is added alone, so that a screen reader reads only that line. */
function showLine(line) {
	if (session.outbox.size > 0 || current.lines[current.lines.length - 1] !== line || current.isAsking) {
		later(showLines);
		return;
	}
	line.row = lineElement(line);
	$("log").append(line.row);
	if (atBottom)
		$("log").scrollTop = $("log").scrollHeight;
	if (atBottom && document.hasFocus() && !document.hidden)
		session.markRead(current);
}

const planned = new Set();
/** Several changes at once are shown once. */
function later(show) {
	if (planned.has(show))
		return;
	planned.add(show);
	requestAnimationFrame(() => {
		planned.delete(show);
		if (session && current)
			show();
	});
}

// ---- the rest of the page ----

function showRooms() {
	$("room-list").replaceChildren(...Array.from(session.rooms.values(), (room) => {
		const item = element("li"), button = element("button", "", room.name), unread = session.unread(room);
		if (room === current)
			button.setAttribute("aria-current", "page");
		if (unread > 0 && room !== current)
			button.append(" ", element("span", "count", String(unread)), element("span", "unseen", " unread"));
		button.addEventListener("click", () => enter(room));
		item.append(button);
		return item;
	}));
}

function showPeople() {
	const people = Array.from(current.people).sort(([a], [b]) => a.localeCompare(b));
	$("people-title").textContent = `People (${people.length})`;
	$("people-list").replaceChildren(...people.map(([nick, rank]) => element("li", "", rank + nick)));
}

function showTyping() {
	const nicks = Array.from(current.typing.keys());
	$("typing").textContent = nicks.length === 0 ? "" :
		nicks.length > 3 ? "Several people are typing …" : `${nicks.join(", ")} ${nicks.length > 1 ? "are" : "is"} typing …`;
}

function showTopic() {
	$("title").textContent = document.title = current.name;
	$("topic").textContent = $("topic").title = current.topic;
}

function enter(room) {
	current = room;
	room.mark = room.readAt || Infinity;
	atBottom = true;
	toggle("rooms", false);
	[showTopic, showLines, showPeople, showTyping, showRooms].forEach((show) => show());
	$("say").focus();
}

function toggle(id, isOpen) {
	$(id).classList.toggle("open", isOpen);
	$("show-" + id).setAttribute("aria-expanded", String(isOpen));
}

function showStatus(text) {
	clearTimeout(notice);
	$("status").textContent = text;
}

const SHOW = { line: showLine, history: () => later(showLines), waiting: () => later(showLines), people: () => later(showPeople),
	topic: showTopic, typing: showTyping, read: () => later(showRooms) };

function onChange(room, what, detail) {
	if (what === "status") {
		showStatus(detail);
	} else if (what === "notice") {
		showStatus(detail);
		notice = setTimeout(showStatus, 8000, "");
	} else if (what === "welcome") {
		$("login").hidden = true;
		$("chat").hidden = false;
	} else if (what === "end") {
		session = current = null;
		$("login").hidden = false;
		$("chat").hidden = true;
		$("login-error").textContent = detail ?? "";
	} else if (what === "gone" && room === current) {
		enter(session.rooms.values().next().value ?? session.room("#lobby"));
	} else if (what === "receipt") {
		detail.row = undefined;
		later(showLines);
	} else if (session) {
		if (!current || (what === "room" && room.name === asked))
			enter(room);
		if (room === current)
			SHOW[what]?.(detail);
		later(showRooms);
	}
}

// ---- what the user does ----

let asked = "";

function join(name) {
	asked = name.startsWith("#") ? name : "#" + name;
	session.join(asked);
}

const COMMANDS = {
	join: (rest) => join(rest),
	part: () => session.leave(current),
	nick: (rest) => session.send("NICK", (session.wantedNick = rest)),
	topic: (rest) => session.send("TOPIC", current.name, rest),
	me: (rest) => session.say(current, `\x01ACTION ${rest}\x01`),
	quit: () => session.end(""),
	msg: (rest) => {
		const [nick, ...words] = rest.split(" "), room = session.room(nick);
		enter(room);
		if (words.length > 0)
			session.say(room, words.join(" "));
	},
};

function say(text) {
	const [, command, rest] = /^\/([a-z]+) ?(.*)$/s.exec(text) ?? [];
	atBottom = true;
	if (command && COMMANDS[command])
		COMMANDS[command](rest.trim());
	else if (command)
		onChange(null, "notice", `There is no /${command}. There are: /${Object.keys(COMMANDS).join(", /")}`);
	else
		session.say(current, text);
}

$("login-form").addEventListener("submit", (event) => {
	event.preventDefault();
	const url = new URL(".", location.href.replace(/^http/, "ws"));
	url.hash = url.search = "";
	$("login-error").textContent = "";
	const channels = $("channels").value.split(/[ ,]+/).filter(Boolean).map((name) => name.startsWith("#") ? name : "#" + name);
	session?.end("");
	session = new Session(url.href, $("nick").value.trim(), $("password").value, channels, onChange);
});

$("say-form").addEventListener("submit", (event) => {
	event.preventDefault();
	const text = $("say").value.replace(/\s+$/, "");
	$("say").value = "";
	if (text && session && current)
		say(text);
});

$("say").addEventListener("keydown", (event) => {
	if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
		event.preventDefault();
		$("say-form").requestSubmit();
	}
});

$("say").addEventListener("input", () => {
	if (current && session)
		session.typed(current, $("say").value && !$("say").value.startsWith("/") ? "active" : "done");
});

$("join-form").addEventListener("submit", (event) => {
	event.preventDefault();
	if ($("join").value.trim())
		join($("join").value.trim());
	$("join").value = "";
});

$("log").addEventListener("scroll", () => {
	const log = $("log");
	atBottom = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
	if (session && current && log.scrollTop < 100)
		session.older(current);
	if (session && current && atBottom && document.hasFocus())
		session.markRead(current);
});

for (const id of ["rooms", "people"])
	$("show-" + id).addEventListener("click", () => toggle(id, !$(id).classList.contains("open")));
document.addEventListener("keydown", (event) => {
	if (event.key === "Escape")
		["rooms", "people"].forEach((id) => toggle(id, false));
});
window.addEventListener("focus", () => session && current && atBottom && session.markRead(current));
// A page that the browser keeps for "back" would keep its connection, too.
window.addEventListener("pagehide", () => session?.end(""));
window.addEventListener("online", () => session?.hurry());
if (/^#./.test(location.hash))
	$("channels").value = decodeURIComponent(location.hash);
