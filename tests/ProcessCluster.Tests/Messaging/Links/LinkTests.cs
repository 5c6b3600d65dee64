using System.Collections.Concurrent;
using System.Globalization;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Messaging.Links;

/// <summary>Two links in one process over real pipes.</summary>
public sealed class LinkTests
{
    [Fact]
    public async Task Messages_arrive_both_ways_and_in_order()
    {
        using var pipes = new Pipes();
        using var left = pipes.Left();
        using var right = pipes.Right();
        for (var i = 0; i < 200; i++)
        {
            Assert.True(left.Link.TrySend(new ControlMessage.Listening(i)));
            Assert.True(right.Link.TrySend(new ControlMessage.StartFailed($"reason {i}")));
        }
        for (var i = 0; i < 200; i++)
        {
            Assert.Equal(new ControlMessage.Listening(i), await right.Next());
            Assert.Equal(new ControlMessage.StartFailed($"reason {i}"), await left.Next());
        }
    }

    [Fact]
    public async Task The_end_of_one_side_is_told_to_the_other_after_all_that_it_said()
    {
        using var pipes = new Pipes();
        using var left = pipes.Left();
        using var right = pipes.Right();
        left.Link.TrySend(new ControlMessage.Leaving());
        left.Link.Dispose();
        Assert.Equal(new ControlMessage.Leaving(), await right.Next());
        Assert.Null(await right.Closed());
    }

    [Fact]
    public async Task Closing_the_writing_side_is_the_end_for_the_peer_alone()
    {
        using var pipes = new Pipes();
        using var left = pipes.Left();
        using var right = pipes.Right();
        left.Link.CloseWriting();
        Assert.Null(await right.Closed());
        Assert.False(left.Link.TrySend(new ControlMessage.Leaving()));
        Assert.False(left.HasClosed);

        right.Link.Dispose();
        Assert.Null(await left.Closed());
    }

    [Fact]
    public void A_closed_link_leaves_nothing_though_somebody_else_holds_the_pipe_open()
    {
        using var pipes = new Pipes();
        var right = pipes.Right();
        right.Link.Dispose();
        // Of the right side's two: the left side has the others, as a process that a worker has forked.
        Assert.True(SpinWait.SpinUntil(() => pipes.CountOpen() == 2, Side.Patience), $"{pipes.CountOpen()} descriptors are open.");
    }

    [Fact]
    public async Task After_the_end_nothing_is_sent()
    {
        using var pipes = new Pipes();
        using var left = pipes.Left();
        using var right = pipes.Right();
        left.Link.Dispose();
        Assert.False(left.Link.TrySend(new ControlMessage.Leaving()));
        await right.Closed();
        Assert.False(right.Link.TrySend(new ControlMessage.Leaving()));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(ControlCodec.MaxFrame - ControlCodec.LengthSize + 1)]
    [InlineData(int.MaxValue)]
    public async Task A_length_that_cannot_be_ends_the_link_with_a_fault_that_names_it(int length)
    {
        using var pipes = new Pipes();
        using var right = pipes.Right();
        pipes.WriteAsLeft([.. BitConverter.GetBytes(length), 10]);
        var fault = await right.Closed();
        Assert.NotNull(fault);
        Assert.Contains($" {length.ToString(CultureInfo.InvariantCulture)} bytes", fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_frame_that_is_no_message_ends_the_link_with_a_fault_that_names_it()
    {
        using var pipes = new Pipes();
        using var right = pipes.Right();
        pipes.WriteAsLeft([1, 0, 0, 0, 10, 1, 0, 0, 0, 31]);
        Assert.Equal(new ControlMessage.Leaving(), await right.Next());
        var fault = await right.Closed();
        Assert.NotNull(fault);
        Assert.Contains("unknown kind 31", fault, StringComparison.Ordinal);
        Assert.False(right.Link.TrySend(new ControlMessage.Leaving()));
    }

    [Fact]
    public async Task A_frame_may_come_in_pieces()
    {
        using var pipes = new Pipes();
        using var right = pipes.Right();
        foreach (var piece in (byte[])[1, 0, 0, 0, 10])
            pipes.WriteAsLeft([piece]);
        Assert.Equal(new ControlMessage.Leaving(), await right.Next());
    }

    [Fact]
    public async Task What_came_while_a_receiver_was_busy_is_read_in_larger_pieces_and_whole()
    {
        using var pipes = new Pipes();
        using var written = new ManualResetEventSlim();
        using var left = pipes.Left();
        using var right = pipes.Right(_ => written.Wait(Side.Patience));
        var sent = Enumerable.Range(0, 60).Select(i => new ControlMessage.StartFailed(new string((char)('a' + (i % 26)), 2500 + i))).ToList();
        foreach (var message in sent)
            Assert.True(left.Link.TrySend(message));
        written.Set();
        foreach (var message in sent)
            Assert.Equal(message, await right.Next());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task An_end_within_a_frame_is_a_plain_end(int bytes)
    {
        using var pipes = new Pipes();
        using var right = pipes.Right();
        pipes.WriteAsLeft(new byte[] { 5, 0, 0, 0, 5, 1, 0, 0, 0 }.AsSpan(0, bytes));
        pipes.CloseLeft();
        Assert.Null(await right.Closed());
        Assert.Equal(0, right.Received);
    }

    [Fact]
    public async Task A_receiver_that_throws_ends_the_link_with_a_fault_that_says_so()
    {
        using var pipes = new Pipes();
        using var right = pipes.Right(_ => throw new InvalidOperationException("on purpose"));
        pipes.WriteAsLeft([1, 0, 0, 0, 10]);
        Assert.Contains("on purpose", await right.Closed(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_peer_that_does_not_read_is_cut_off_without_blocking()
    {
        using var pipes = new Pipes();
        using var left = pipes.Left();
        var sent = await Task.Run(() =>
        {
            var count = 0;
            while (left.Link.TrySend(new ControlMessage.StartFailed($"{count} {new string('x', 2_000)}")))
                count++;
            return count;
        }).WaitAsync(Side.Patience);
        Assert.InRange(sent, 10, 4_000);
        Assert.False(left.Link.TrySend(new ControlMessage.Leaving()));

        // What had gone out is whole.
        using var right = pipes.Right();
        Assert.Null(await right.Closed());
        Assert.InRange(right.Received, 10, sent);
        for (var i = 0; i < right.Received; i++)
            Assert.StartsWith($"{i} ", Assert.IsType<ControlMessage.StartFailed>(await right.Next()).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_closes_is_told_nothing_and_no_descriptor_stays_open()
    {
        var pipes = new Pipes();
        var left = pipes.Left();
        var right = pipes.Right();
        Assert.Equal(4, pipes.CountOpen());
        left.Link.TrySend(new ControlMessage.Leaving());
        await right.Next();

        left.Link.Dispose();
        Assert.Null(await right.Closed());
        right.Link.Dispose();
        left.Link.Dispose();

        // The reading threads close last, when their reads have returned.
        Assert.True(SpinWait.SpinUntil(() => pipes.CountOpen() == 0, Side.Patience), $"{pipes.CountOpen()} descriptors are open.");
        Assert.False(left.HasClosed);
        Assert.Equal((0, 1), (left.Received, right.Received));
    }

    [Fact]
    public async Task A_fault_leaves_no_descriptor_open_either()
    {
        var pipes = new Pipes();
        var right = pipes.Right();
        pipes.WriteAsLeft([0, 0, 0, 0]);
        Assert.Equal("A frame says that it has 0 bytes.", await right.Closed());
        right.Link.Dispose();
        pipes.CloseLeft();
        Assert.True(SpinWait.SpinUntil(() => pipes.CountOpen() == 0, Side.Patience), $"{pipes.CountOpen()} descriptors are open.");
    }

    /// <summary>One side's link with what it was told.</summary>
    private sealed class Side : ILinkPeer, IDisposable
    {
        private static readonly EventLoop Loop = new("link test loop", exception => throw exception);

        private readonly Action<ControlMessage>? _handle;
        private readonly SemaphoreSlim _arrived = new(0);
        private readonly ConcurrentQueue<ControlMessage> _messages = new();
        private readonly TaskCompletionSource<string?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _received;

        public Side(Descriptor read, Descriptor write, Action<ControlMessage>? received)
        {
            _handle = received;
            Link = new Link(read, write, Loop, "link test", static () => 1024 * 1024, isHeld: false, this);
            Link.Start();
        }

        public static TimeSpan Patience => TimeSpan.FromSeconds(10);

        public Link Link { get; }

        public int Received => Volatile.Read(ref _received);

        public bool HasClosed => _closed.Task.IsCompleted;

        public Task<string?> Closed() => _closed.Task.WaitAsync(Patience);

        public async Task<ControlMessage> Next()
        {
            Assert.True(await _arrived.WaitAsync(Patience), "No message came.");
            Assert.True(_messages.TryDequeue(out var message));
            return message;
        }

        public void Dispose() => Link.Dispose();

        IThreadPoolWorkItem? ILinkPeer.Receive(in FrameHeader header, ReadOnlySpan<byte> frame, ref FrameBytes rented) => throw new InvalidDataException("no messages here");

        void ILinkPeer.Closed(string? fault) => _closed.SetResult(fault);

        void ILinkPeer.Receive(ControlMessage message)
        {
            _handle?.Invoke(message);
            Interlocked.Increment(ref _received);
            _messages.Enqueue(message);
            _arrived.Release();
        }
    }

    /// <summary>Two pipes. Each end belongs to the side that takes it.</summary>
    private sealed unsafe class Pipes : IDisposable
    {
        private readonly Descriptor _leftReads, _leftWrites, _rightReads, _rightWrites;
        private readonly string[] _names;

        public Pipes()
        {
            (_rightReads, _leftWrites) = Open();
            (_leftReads, _rightWrites) = Open();
            _names = [WorkerMarker.ChannelOf(_leftReads.Number), WorkerMarker.ChannelOf(_rightReads.Number)];
        }

        public Side Left() => new(_leftReads, _leftWrites, null);

        public Side Right(Action<ControlMessage>? received = null) => new(_rightReads, _rightWrites, received);

        public void WriteAsLeft(ReadOnlySpan<byte> bytes) => Assert.Equal(bytes.Length, Pipe.Write(_leftWrites, bytes));

        public void CloseLeft()
        {
            _leftReads.Dispose();
            _leftWrites.Dispose();
        }

        /// <summary>How many descriptors of this process belong to these pipes.</summary>
        public int CountOpen() => Directory.GetFiles("/proc/self/fd").Count(IsOurs);

        public void Dispose()
        {
            CloseLeft();
            _rightReads.Dispose();
            _rightWrites.Dispose();
        }

        private static (Descriptor Read, Descriptor Write) Open()
        {
            var pair = stackalloc int[2];
            Assert.Equal(0, Libc.pipe2(pair, Libc.O_CLOEXEC));
            return (new Descriptor(pair[0]), new Descriptor(pair[1]));
        }

        private bool IsOurs(string file)
        {
            try
            {
                return new FileInfo(file).LinkTarget is { } name && _names.Contains(name);
            }
            catch (IOException)
            {
                return false; // Closed meanwhile.
            }
        }
    }
}
