using System.Collections.Concurrent;
using System.Diagnostics;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Messaging;

/// <summary>Messages and requests between two ends over real pipes.</summary>
public sealed class MessageChannelTests
{
    [Fact]
    public async Task Messages_arrive_in_the_order_in_which_they_were_sent_whatever_their_size()
    {
        using var pair = new Pair();
        var received = new List<int>();
        var all = new TaskCompletionSource();
        using var handler = pair.Worker.Handlers.OnMessage<Greeting>((message, context) =>
        {
            Assert.True(context.IsFromPrimary);
            received.Add(message.Count);
            if (received.Count == 2_000)
                all.SetResult();
        });
        for (var i = 0; i < 2_000; i++)
            await pair.Primary.SendAsync(new Greeting(new string('x', i % 50 == 0 ? 200_000 : i % 100), i));
        await all.Task.WaitAsync(Pair.Patience);
        Assert.Equal(Enumerable.Range(0, 2_000), received);
    }

    [Fact]
    public async Task Sends_that_are_not_awaited_keep_their_order_when_they_have_to_wait_for_room()
    {
        using var pair = new Pair();
        var received = new List<int>();
        var all = new TaskCompletionSource();
        using var handler = pair.Worker.Handlers.OnMessage<Greeting>(async (message, _) =>
        {
            if (message.Count % 500 == 0)
                await Task.Yield();
            received.Add(message.Count);
            if (received.Count == 5_000)
                all.SetResult();
        });
        var text = new string('x', 1_000);
        var sends = Enumerable.Range(0, 5_000).Select(i => pair.Primary.SendAsync(new Greeting(text, i)).AsTask()).ToList();
        await Task.WhenAll(sends).WaitAsync(Pair.Patience);
        await all.Task.WaitAsync(Pair.Patience);
        Assert.Equal(Enumerable.Range(0, 5_000), received);
    }

    [Fact]
    public async Task A_request_gets_its_answer_from_either_side()
    {
        using var pair = new Pair();
        using var a = pair.Worker.Handlers.OnRequest<Ask, Answer>((ask, _) => new Answer(ask.Number * ask.Number));
        using var b = pair.Primary.Handlers.OnRequest<Ask, Answer>(async (ask, context) =>
        {
            await Task.Yield();
            return new Answer(context.SenderId * 1000 + ask.Number);
        });
        Assert.Equal(new Answer(49), await pair.Primary.RequestAsync<Ask, Answer>(new Ask(7)));
        Assert.Equal(new Answer(1007), await pair.Worker.RequestAsync<Ask, Answer>(new Ask(7)));
    }

    [Fact]
    public async Task Ten_thousand_requests_at_once_are_all_answered_with_their_own_answer()
    {
        using var pair = new Pair();
        using var a = pair.Worker.Handlers.OnRequest<Ask, Answer>(async (ask, _) =>
        {
            if (ask.Number % 3 == 0)
                await Task.Yield();
            return new Answer((long)ask.Number * ask.Number);
        });
        // On the thread pool: the context of a test starts a thread for every continuation.
        var answers = await Task.Run(() => Task.WhenAll(Enumerable.Range(0, 10_000).Select(async i =>
            (i, (await pair.Primary.RequestAsync<Ask, Answer>(new Ask(i))).Square)))).WaitAsync(Pair.Patience);
        Assert.All(answers, pair => Assert.Equal((long)pair.i * pair.i, pair.Square));
    }

    [Fact]
    public async Task A_handler_that_throws_is_the_requesters_exception()
    {
        using var pair = new Pair(configure: options => options.SendStackTraces = true);
        using var a = pair.Worker.Handlers.OnRequest<Ask, Answer>((_, _) => Throw());
        var error = await Assert.ThrowsAsync<RemoteHandlerException>(async () => await pair.Primary.RequestAsync<Ask, Answer>(new Ask(1)));
        Assert.Equal(("System.FormatException", "on purpose"), (error.RemoteType, error.RemoteMessage));
        Assert.Contains(nameof(Throw), error.RemoteStackTrace, StringComparison.Ordinal);
        Assert.Contains("worker 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stack_traces_stay_where_they_are_unless_they_are_wanted()
    {
        using var pair = new Pair();
        using var a = pair.Worker.Handlers.OnRequest<Ask, Answer>((_, _) => Throw());
        var error = await Assert.ThrowsAsync<RemoteHandlerException>(async () => await pair.Primary.RequestAsync<Ask, Answer>(new Ask(1)));
        Assert.Null(error.RemoteStackTrace);
    }

    [Fact]
    public async Task A_message_handler_that_throws_stops_neither_the_next_handler_nor_the_next_message()
    {
        using var pair = new Pair();
        var seen = new BlockingCollection<int>();
        using var a = pair.Worker.Handlers.OnMessage<Other>((Other _, MessageContext _) => throw new InvalidOperationException("on purpose"));
        using var b = pair.Worker.Handlers.OnMessage<Other>(async (_, _) =>
        {
            await Task.Yield();
            throw new InvalidOperationException("on purpose, later");
        });
        using var c = pair.Worker.Handlers.OnMessage<Other>((message, _) => seen.Add(message.Value));
        for (var i = 0; i < 10; i++)
            await pair.Primary.SendAsync(new Other(i));
        for (var i = 0; i < 10; i++)
            Assert.True(seen.TryTake(out var value, Pair.Patience) && value == i);
    }

    [Fact]
    public async Task A_request_has_a_deadline()
    {
        using var pair = new Pair();
        var cancelled = new TaskCompletionSource();
        using var a = pair.Worker.Handlers.OnRequest<Ask, Answer>(async (_, context) =>
        {
            using var registration = context.CancellationToken.Register(cancelled.SetResult);
            await cancelled.Task;
            context.CancellationToken.ThrowIfCancellationRequested();
            return new Answer(0);
        });
        var watch = Stopwatch.StartNew();
        var error = await Assert.ThrowsAsync<TimeoutException>(
            async () => await pair.Primary.RequestAsync<Ask, Answer>(new Ask(1), TimeSpan.FromMilliseconds(100)));
        Assert.InRange(watch.Elapsed, TimeSpan.FromMilliseconds(100), Pair.Patience);
        Assert.Contains("worker 1", error.Message, StringComparison.Ordinal);
        await cancelled.Task.WaitAsync(Pair.Patience);
    }

    [Fact]
    public async Task A_request_can_be_called_off_and_its_handler_sees_it()
    {
        using var pair = new Pair();
        var started = new TaskCompletionSource();
        var cancelled = new TaskCompletionSource();
        using var a = pair.Worker.Handlers.OnRequest<Ask, Answer>(async (_, context) =>
        {
            started.SetResult();
            using var registration = context.CancellationToken.Register(cancelled.SetResult);
            await cancelled.Task;
            return new Answer(1);
        });
        using var source = new CancellationTokenSource();
        var request = pair.Primary.RequestAsync<Ask, Answer>(new Ask(1), cancellationToken: source.Token).AsTask();
        await started.Task.WaitAsync(Pair.Patience);
        await source.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => request);
        await cancelled.Task.WaitAsync(Pair.Patience);
    }

    [Fact]
    public async Task Messages_before_there_is_a_handler_are_kept_and_handled_in_order_when_there_is()
    {
        using var pair = new Pair();
        for (var i = 0; i < 100; i++)
            await pair.Primary.SendAsync(new Greeting("early", i));
        using (var other = pair.Worker.Handlers.OnRequest<Ask, Answer>((_, _) => new Answer(0)))
            await pair.Primary.RequestAsync<Ask, Answer>(new Ask(0)); // All of them are there.
        var seen = new BlockingCollection<int>();
        using var a = pair.Worker.Handlers.OnMessage<Greeting>((message, _) => seen.Add(message.Count));
        for (var i = 100; i < 200; i++)
            await pair.Primary.SendAsync(new Greeting("late", i));
        for (var i = 0; i < 200; i++)
        {
            Assert.True(seen.TryTake(out var value, Pair.Patience));
            Assert.Equal(i, value);
        }
    }

    [Fact]
    public async Task Past_the_limit_of_kept_messages_the_sender_learns_until_there_is_a_handler()
    {
        using var pair = new Pair();
        var deadline = Stopwatch.StartNew();
        ClusterMessageException? error = null;
        while (error is null && deadline.Elapsed < Pair.Patience)
        {
            try
            {
                await pair.Primary.SendAsync(new Other(1));
            }
            catch (ClusterMessageException exception)
            {
                error = exception;
            }
        }
        Assert.NotNull(error);
        Assert.Contains("worker 1 has no handler for", error.Message, StringComparison.Ordinal);
        await pair.Primary.SendAsync(new Greeting("another type gets on", 1));

        var handled = new CountdownEvent(1024);
        using var a = pair.Worker.Handlers.OnMessage<Other>((_, _) => _ = handled.CurrentCount > 0 && handled.Signal());
        Assert.True(handled.Wait(Pair.Patience));
        Assert.True(SpinWait.SpinUntil(() => CanSend(pair), Pair.Patience));
    }

    [Theory]
    [InlineData(700)]
    [InlineData(977)]
    [InlineData(4_000)]
    public async Task Messages_that_are_kept_do_not_hold_up_those_of_other_types(int length)
    {
        using var pair = new Pair(configure: options => options.SendTimeout = TimeSpan.FromSeconds(10));
        var handled = 0;
        using var a = pair.Worker.Handlers.OnMessage<Other>(async (_, _) =>
        {
            await Task.Yield();
            Interlocked.Increment(ref handled);
        });
        var kept = new Greeting(new string('x', length), 1);
        try
        {
            for (var i = 0; i < 2_000; i++)
                await pair.Primary.SendAsync(kept);
        }
        catch (ClusterMessageException)
        {
            // As many as may be kept are.
        }
        for (var i = 0; i < 20_000; i++)
            await pair.Primary.SendAsync(new Other(i));
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref handled) == 20_000, Pair.Patience));
    }

    [Fact]
    public async Task A_request_waits_for_its_handler_to_come()
    {
        using var pair = new Pair();
        var request = pair.Primary.RequestAsync<Ask, Answer>(new Ask(3)).AsTask();
        using var barrier = pair.Worker.Handlers.OnRequest<Other, Other>((other, _) => other);
        await pair.Primary.RequestAsync<Other, Other>(new Other(1));
        Assert.False(request.IsCompleted);
        using var a = pair.Worker.Handlers.OnRequest<Ask, Answer>((ask, _) => new Answer(ask.Number));
        Assert.Equal(new Answer(3), await request.WaitAsync(Pair.Patience));
    }

    [Fact]
    public async Task A_request_that_nobody_handles_is_an_error_that_says_so()
    {
        using var pair = new Pair();
        var error = await Assert.ThrowsAsync<ClusterMessageException>(async () => await pair.Primary.RequestAsync<Ask, Answer>(new Ask(3)));
        Assert.Contains("Nobody handles requests of ProcessCluster.Tests.Messaging.Ask in worker 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_second_handler_of_a_request_is_an_error_until_the_first_has_ended()
    {
        using var pair = new Pair();
        var first = pair.Worker.Handlers.OnRequest<Ask, Answer>((_, _) => new Answer(1));
        Assert.Throws<InvalidOperationException>(() => pair.Worker.Handlers.OnRequest<Ask, Answer>((_, _) => new Answer(2)));
        first.Dispose();
        pair.Worker.Handlers.OnRequest<Ask, Answer>((_, _) => new Answer(2)).Dispose();
    }

    [Fact]
    public async Task A_message_that_is_too_long_is_an_error_at_the_sender_and_the_link_goes_on()
    {
        using var pair = new Pair(configure: options => options.MaxMessageBytes = 100_000);
        using var a = pair.Worker.Handlers.OnRequest<Ask, Answer>((ask, _) => new Answer(ask.Number));
        var error = await Assert.ThrowsAsync<ClusterMessageException>(async () => await pair.Primary.SendAsync(new Greeting(new string('x', 200_000), 1)));
        Assert.Contains("Greeting", error.Message, StringComparison.Ordinal);
        Assert.Contains("MaxMessageBytes", error.Message, StringComparison.Ordinal);
        Assert.Equal(new Answer(1), await pair.Primary.RequestAsync<Ask, Answer>(new Ask(1)));
    }

    [Fact]
    public async Task An_answer_that_is_too_long_is_the_requesters_error()
    {
        using var pair = new Pair(configure: options => options.MaxMessageBytes = 100_000);
        using var a = pair.Worker.Handlers.OnRequest<Ask, Greeting>((_, _) => new Greeting(new string('x', 200_000), 1));
        var error = await Assert.ThrowsAsync<RemoteHandlerException>(async () => await pair.Primary.RequestAsync<Ask, Greeting>(new Ask(1)));
        Assert.Contains("MaxMessageBytes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_cannot_be_read_is_the_requesters_error()
    {
        using var pair = new Pair();
        using var a = pair.Worker.Handlers.OnRequest<Illegible, Answer>((_, _) => new Answer(1));
        using var b = pair.Worker.Handlers.OnRequest<Ask, Answer>((ask, _) => new Answer(ask.Number));
        var error = await Assert.ThrowsAsync<ClusterMessageException>(async () => await pair.Primary.RequestAsync<Illegible, Answer>(new Illegible()));
        Assert.Contains(IllegibleConverter.Reason, error.Message, StringComparison.Ordinal);
        Assert.Equal(new Answer(2), await pair.Primary.RequestAsync<Ask, Answer>(new Ask(2))); // The link goes on.
    }

    [Fact]
    public async Task A_message_that_cannot_be_read_is_lost_and_the_next_one_is_handled()
    {
        using var pair = new Pair();
        var seen = new TaskCompletionSource<int>();
        using var a = pair.Worker.Handlers.OnMessage<Other>((other, _) => seen.SetResult(other.Value));
        pair.WriteToWorker(Frame(FrameKind.Message, "ProcessCluster.Tests.Messaging.Other", "{\"Value\":"u8));
        await pair.Primary.SendAsync(new Other(5));
        Assert.Equal(5, await seen.Task.WaitAsync(Pair.Patience));
    }

    [Theory]
    [InlineData(39)]
    [InlineData(255)]
    public async Task A_frame_of_an_unknown_kind_ends_the_link_with_a_fault(byte kind)
    {
        using var pair = new Pair();
        pair.WriteToWorker(Frame((FrameKind)kind, "x", []));
        Assert.Contains($"unknown kind {kind}", await pair.Worker.Closed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_frame_longer_than_may_be_ends_the_link_before_anything_is_allocated()
    {
        using var pair = new Pair();
        var frame = Frame(FrameKind.Message, "x", []);
        BitConverter.TryWriteBytes(frame, int.MaxValue);
        pair.WriteToWorker(frame);
        Assert.Contains($"{int.MaxValue} bytes", await pair.Worker.Closed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_the_other_end_is_gone_requests_end_at_once_and_sending_is_an_error()
    {
        using var pair = new Pair(workerReads: false);
        var request = pair.Primary.RequestAsync<Ask, Answer>(new Ask(1)).AsTask();
        pair.Worker.Link.Dispose();
        await Assert.ThrowsAsync<PeerGoneException>(() => request.WaitAsync(Pair.Patience));
        await Assert.ThrowsAsync<PeerGoneException>(async () => await pair.Primary.SendAsync(new Other(1)));
        await Assert.ThrowsAsync<PeerGoneException>(async () => await pair.Primary.RequestAsync<Ask, Answer>(new Ask(1)));
    }

    [Fact]
    public async Task A_process_that_does_not_read_costs_its_sender_time_and_no_more_memory_than_the_window()
    {
        using var pair = new Pair(workerReads: false, configure: options => options.SendTimeout = TimeSpan.FromMilliseconds(300));
        var sent = 0;
        var error = await Assert.ThrowsAsync<TimeoutException>(async () =>
        {
            while (true)
            {
                await pair.Primary.SendAsync(new Blob(new byte[1_000]));
                sent++;
            }
        });
        Assert.InRange(sent, 500, Outbox.Window / 1_000);
        Assert.Contains("worker 1", error.Message, StringComparison.Ordinal);

        // Then it reads: what was sent arrives, and what was given up does not.
        var seen = 0;
        var all = new TaskCompletionSource();
        using var a = pair.Worker.Handlers.OnMessage<Blob>((_, _) =>
        {
            if (++seen == sent)
                all.SetResult();
        });
        pair.Worker.Link.Start();
        await all.Task.WaitAsync(Pair.Patience);
        Assert.True(SpinWait.SpinUntil(() => CanSend(pair), Pair.Patience));
        Assert.Equal(sent, seen);
    }

    private static Answer Throw() => throw new FormatException("on purpose");

    private static bool CanSend(Pair pair)
    {
        try
        {
            var send = pair.Primary.SendAsync(new Other(1));
            return send.IsCompletedSuccessfully;
        }
        catch (ClusterMessageException)
        {
            return false;
        }
    }

    private static byte[] Frame(FrameKind kind, string name, ReadOnlySpan<byte> body)
    {
        var header = new FrameHeader(body.Length, kind, (byte)name.Length, FrameCode.None, 1, 0, 77);
        var frame = new byte[header.Length];
        header.Write(frame);
        System.Text.Encoding.UTF8.GetBytes(name, frame.AsSpan(FrameHeader.Size));
        body.CopyTo(frame.AsSpan(header.BodyStart));
        return frame;
    }
}
