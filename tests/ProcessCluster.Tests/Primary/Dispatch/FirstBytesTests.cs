using System.Net.Security;
using System.Text;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Dispatch;

namespace ProcessCluster.Tests.Primary.Dispatch;

/// <summary>What a worker is chosen by in what clients send first.</summary>
public sealed class FirstBytesTests
{
    private const string Head = "POST /a?b HTTP/1.1\r\nHost: x\r\nX-User:  seven \r\nCookie: a=b;session=eight; xsession=no\r\ncookie: late=9\r\n\r\nx-user: body\r\n";

    [Theory]
    [InlineData("X-User", false, "seven")]
    [InlineData("x-user", false, "seven")]
    [InlineData("session", true, "eight")]
    [InlineData("late", true, "9")]
    [InlineData("Session", true, "")]
    [InlineData("HOST", false, "x")]
    [InlineData("POST /a?b HTTP/1.1", false, "")]
    [InlineData("body", false, "")]
    public void A_value_in_a_head(string name, bool isCookie, string value) =>
        Assert.Equal(value, Encoding.ASCII.GetString(new HttpHead(name, isCookie).Key(Encoding.ASCII.GetBytes(Head))));

    [Fact]
    public void A_head_is_whole_at_its_end_and_what_is_none_at_once()
    {
        var format = new HttpHead("a", isCookie: false);
        var bytes = Encoding.ASCII.GetBytes(Head);
        var end = Head.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
        for (var length = 1; length <= bytes.Length; length++)
            Assert.Equal(length >= end, format.IsWhole(bytes.AsSpan(0, length)));
        Assert.True(format.IsWhole([22, 3, 1]));
    }

    [Theory]
    [InlineData("example.com")]
    [InlineData("a.very.long.name.of.a.server.that.is.asked.for.example.org")]
    public async Task The_server_name_of_a_client_hello(string name)
    {
        using var sent = new Half();
        await using (var client = new SslStream(sent))
            await Assert.ThrowsAnyAsync<IOException>(() => client.AuthenticateAsClientAsync(name));
        var hello = sent.Written.ToArray();
        var format = new ClientHello();
        Assert.True(format.IsWhole(hello));
        Assert.Equal(name, Encoding.ASCII.GetString(format.Key(hello)));
        for (var length = 1; length < hello.Length; length++)
        {
            Assert.False(format.IsWhole(hello.AsSpan(0, length)));
            format.Key(hello.AsSpan(0, length)); // Nothing is thrown.
        }
    }

    [Fact]
    public void Whatever_comes_is_read_or_not_and_nothing_else()
    {
        const int Seed = 4711;
        var random = new Random(Seed);
        byte[][] starts = [Encoding.ASCII.GetBytes(Head), [22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3], "PROXY TCP4 1.2.3.4 "u8.ToArray(), [.. "\r\n\r\n\0\r\nQUIT\n"u8, 0x21, 0x11, 0]];
        IFirstBytes[] formats = [new HttpHead("session", isCookie: true), new HttpHead("X-User", isCookie: false), new ClientHello()];
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = new byte[random.Next(1, 200)];
            random.NextBytes(bytes);
            var start = starts[random.Next(starts.Length)];
            start.AsSpan(0, Math.Min(random.Next(start.Length + 1), bytes.Length)).CopyTo(bytes);
            try
            {
                foreach (var format in formats)
                {
                    format.IsWhole(bytes);
                    format.Key(bytes);
                }
                if (ProxyHeader.TryRead(bytes, out var length, out _) == ProxyHeaderState.Whole)
                    Assert.InRange(length, 8, bytes.Length);
            }
            catch (Exception exception)
            {
                Assert.Fail($"Bytes {i} of seed {Seed} ({Convert.ToHexString(bytes)}): {exception}");
            }
        }
    }

    [Theory]
    [InlineData("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535")]
    [InlineData("PROXY TCP6 ::1 ::2 1 2\r\nGET", "[::1]:1")]
    [InlineData("PROXY UNKNOWN ffff:f...f:ffff 65535 65535\r\n", null)]
    public void A_header_of_version_1(string text, string? client)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        var length = text.IndexOf("\r\n", StringComparison.Ordinal) + 2;
        for (var part = 1; part < length; part++)
            Assert.Equal(ProxyHeaderState.Incomplete, ProxyHeader.TryRead(bytes.AsSpan(0, part), out _, out _));
        Assert.Equal(ProxyHeaderState.Whole, ProxyHeader.TryRead(bytes, out var read, out var named));
        Assert.Equal((length, client), (read, named?.ToEndPoint()?.ToString()));
    }

    [Theory]
    [InlineData("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n")]
    [InlineData("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n")]
    [InlineData("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n")]
    [InlineData("PROXY TCP4 ::1 ::1 1 2\r\n")]
    [InlineData("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n")]
    [InlineData("PROXX")]
    [InlineData("PROXY TCP4 1.2.3.4 1.2.3.4 1 2                                                                                         x")]
    public void What_is_no_header(string text) =>
        Assert.Equal(ProxyHeaderState.Invalid, ProxyHeader.TryRead(Encoding.ASCII.GetBytes(text), out _, out _));

    [Theory]
    [InlineData("127.0.0.1:80", "7F000001")]
    [InlineData("[::ffff:127.0.0.1]:80", "7F000001")]
    [InlineData("[2001:db8::7]:80", "20010DB8000000000000000000000007")]
    public void An_address_alone(string endPoint, string address)
    {
        var peer = new PeerAddress(System.Net.IPEndPoint.Parse(endPoint));
        Assert.Equal((address, 80), (Convert.ToHexString(peer.Address), peer.Port));
    }

    /// <summary>Keeps what is written; has nothing to read.</summary>
    private sealed class Half : Stream
    {
        public MemoryStream Written { get; } = new();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush()
        {
            // It is there already.
        }

        public override int Read(byte[] buffer, int offset, int count) => 0;

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => Written.Write(buffer, offset, count);
    }
}
