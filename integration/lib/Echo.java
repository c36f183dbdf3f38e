// SPDX-License-Identifier: MIT
// An echo server and client, in the ways in which Java programs are written:
//
//     Echo serve nio|blocking|async PORT               until it is killed
//     Echo call nio|blocking HOST PORT CALLERS BYTES   all at once; exit code 1 if one failed
//
// A client sends random bytes, closes its sending direction, and must get the same bytes and then end of file.
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousServerSocketChannel;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.CompletionHandler;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public class Echo {
	static final int PIECE = 30000;
	static final int BACKLOG = 200;
	static final int PATIENCE_MS = 20000;

	/** One connection of the server with a selector: bytes wait in it until they can be written. */
	static class Waiting {
		final ByteBuffer bytes = ByteBuffer.allocate(PIECE);
		boolean ended;

		void turn(SelectionKey key) throws IOException {
			SocketChannel channel = (SocketChannel) key.channel();
			if (key.isReadable() && channel.read(bytes) < 0)
				ended = true;
			bytes.flip();
			channel.write(bytes);
			bytes.compact();
			if (ended && bytes.position() == 0) {
				channel.shutdownOutput();
				channel.close();
				return;
			}
			int wanted = bytes.hasRemaining() && !ended ? SelectionKey.OP_READ : 0;
			key.interestOps(bytes.position() > 0 ? wanted | SelectionKey.OP_WRITE : wanted);
		}
	}

	static void serveNio(int port) throws IOException {
		Selector selector = Selector.open();
		ServerSocketChannel listener = ServerSocketChannel.open();
		listener.configureBlocking(false);
		listener.register(selector, SelectionKey.OP_ACCEPT);
		listener.bind(new InetSocketAddress(port), BACKLOG);
		for (;;) {
			selector.select();
			for (SelectionKey key : selector.selectedKeys()) {
				if (key.isAcceptable()) {
					SocketChannel channel = listener.accept();
					if (channel == null)
						continue;
					channel.configureBlocking(false);
					channel.register(selector, SelectionKey.OP_READ, new Waiting());
				} else {
					((Waiting) key.attachment()).turn(key);
				}
			}
			selector.selectedKeys().clear();
		}
	}

	static Void echo(Socket socket) throws IOException {
		try (socket) {
			socket.getInputStream().transferTo(socket.getOutputStream());
			socket.shutdownOutput();
		}
		return null;
	}

	static void serveBlocking(int port) throws IOException {
		ExecutorService threads = Executors.newCachedThreadPool();
		ServerSocket listener = new ServerSocket(port, BACKLOG);
		for (;;) {
			Socket socket = listener.accept();
			threads.submit(() -> echo(socket));
		}
	}

	static void serveAsync(int port) throws Exception {
		AsynchronousServerSocketChannel listener = AsynchronousServerSocketChannel.open();
		listener.bind(new InetSocketAddress(port), BACKLOG);
		for (;;)
			new Turn(listener.accept().get()).read();
	}

	/** One connection of the asynchronous server: a read, then writes until all is written, then again. */
	static class Turn implements CompletionHandler<Integer, Boolean> {
		final AsynchronousSocketChannel channel;
		final ByteBuffer bytes = ByteBuffer.allocate(PIECE);

		Turn(AsynchronousSocketChannel channel) {
			this.channel = channel;
		}

		void read() {
			bytes.clear();
			channel.read(bytes, true, this);
		}

		public void completed(Integer count, Boolean wasRead) {
			if (count < 0) {
				close();
				return;
			}
			if (wasRead)
				bytes.flip();
			if (bytes.hasRemaining())
				channel.write(bytes, false, this);
			else
				read();
		}

		public void failed(Throwable fault, Boolean wasRead) {
			close();
		}

		void close() {
			try {
				channel.close();
			} catch (IOException fault) {
				System.err.println(fault);
			}
		}
	}

	static void check(boolean right, String what) throws IOException {
		if (!right)
			throw new IOException(what);
	}

	static Void callBlocking(InetSocketAddress address, byte[] content) throws Exception {
		try (Socket socket = new Socket()) {
			socket.setSoTimeout(PATIENCE_MS);
			socket.setTcpNoDelay(true);
			socket.connect(address, PATIENCE_MS);
			check(socket.getPort() == address.getPort() && socket.getLocalPort() > 0, "ports");
			Thread sender = new Thread(() -> send(socket, content));
			sender.start();
			InputStream input = socket.getInputStream();
			check(java.util.Arrays.equals(input.readNBytes(content.length), content), "other bytes");
			check(input.read() < 0, "more than was sent");
			sender.join();
		}
		return null;
	}

	static void send(Socket socket, byte[] content) {
		try {
			OutputStream output = socket.getOutputStream();
			for (int start = 0; start < content.length; start += PIECE)
				output.write(content, start, Math.min(PIECE, content.length - start));
			socket.shutdownOutput();
		} catch (IOException fault) {
			System.err.println(fault);
		}
	}

	static Void callNio(InetSocketAddress address, byte[] content) throws Exception {
		ByteBuffer out = ByteBuffer.wrap(content), in = ByteBuffer.allocate(content.length + 1);
		try (Selector selector = Selector.open(); SocketChannel channel = SocketChannel.open()) {
			channel.configureBlocking(false);
			SelectionKey key = channel.register(selector, SelectionKey.OP_CONNECT);
			if (channel.connect(address))
				key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
			for (int count = 0; count >= 0;) {
				check(selector.select(PATIENCE_MS) > 0, "nothing happens any more");
				selector.selectedKeys().clear();
				if (key.isConnectable() && channel.finishConnect())
					key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
				if (key.isWritable() && out.hasRemaining()) {
					channel.write(out);
					if (!out.hasRemaining()) {
						channel.shutdownOutput();
						key.interestOps(SelectionKey.OP_READ);
					}
				}
				if (key.isReadable())
					count = channel.read(in);
			}
		}
		check(in.flip().equals(ByteBuffer.wrap(content)), "other bytes");
		return null;
	}

	static void call(String way, InetSocketAddress address, int callers, int size) throws Exception {
		ExecutorService threads = Executors.newFixedThreadPool(callers);
		List<Callable<Void>> calls = new ArrayList<>();
		for (int i = 0; i < callers; i++) {
			byte[] content = new byte[size];
			new Random().nextBytes(content);
			calls.add(() -> way.equals("nio") ? callNio(address, content) : callBlocking(address, content));
		}
		for (Future<Void> result : threads.invokeAll(calls))
			result.get();
		threads.shutdown();
	}

	public static void main(String[] words) throws Exception {
		if (words[0].equals("call")) {
			call(words[1], new InetSocketAddress(words[2], Integer.parseInt(words[3])),
				Integer.parseInt(words[4]), Integer.parseInt(words[5]));
			return;
		}
		int port = Integer.parseInt(words[2]);
		switch (words[1]) {
		case "nio" -> serveNio(port);
		case "blocking" -> serveBlocking(port);
		case "async" -> serveAsync(port);
		default -> throw new IllegalArgumentException(words[1]);
		}
	}
}
