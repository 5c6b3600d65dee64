using System.Text;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>
/// One connection, its client, the kernel between them, the primary, and the workers that have it one after another. All run on one thread, in an order that the seed decides.
/// </summary>
internal sealed class Schedule
{
    /// <summary>The number of steps after which it is taken for endless.</summary>
    private const int MaxSteps = 100_000;

    /// <summary>The number of threads that can be in the middle of something at the same time.</summary>
    private const int MaxDepth = 4;

    private readonly List<string> _outcomes = [];
    private readonly Dictionary<int, int> _executed = [];
    private readonly StringBuilder _trace = new();
    private ModelWorker _worker = null!;
    private string? _violation;
    private int _kills;
    private int _workers;
    private int _depth;
    private int _steps;
    private bool _isEnded;

    public Schedule(int seed)
    {
        Random = new Random(seed);
        Client = new ModelClient(Random);
        Replays = Random.Next(3) != 0;
        KernelCounts = Random.Next(8) != 0;
        // In one schedule of eight nobody is killed.
        _kills = Random.Next(8) == 0 ? 0 : Random.Next(1, 4);
        Primary = new ModelPrimary(this);
    }

    public Random Random { get; }

    public ModelClient Client { get; }

    public ModelPrimary Primary { get; }

    /// <summary>Gets whether idempotent requests are served twice where a worker ends over them.</summary>
    public bool Replays { get; }

    /// <summary>Gets whether the kernel says how much was sent, as it does of TCP.</summary>
    public bool KernelCounts { get; }

    /// <summary>Gets or sets the number of bytes that workers have received.</summary>
    public long Taken { get; set; }

    /// <summary>Gets the bytes that the kernel has for the worker.</summary>
    public ReadOnlySpan<byte> Unreceived => Client.SentAfter(Taken);

    /// <summary>Gets whether a promise is broken.</summary>
    public bool IsBroken => _violation is not null;

    /// <summary>Gets the kinds of what has happened.</summary>
    public IReadOnlyList<string> Outcomes => _outcomes;

    /// <summary>Gets everything that has happened, in order.</summary>
    public string Trace => $"{_trace}{_steps} steps, {Describe()}";

    public void Run()
    {
        _worker = new ModelWorker(this, ++_workers);
        try
        {
            while (!_isEnded)
            {
                if (_worker.IsGone)
                    _worker = new ModelWorker(this, ++_workers);
                else if (!TryStep())
                    break;
                if (_worker.Failure is { } failure)
                    Fail($"Kestrel ends with {failure}");
                if (_steps > MaxSteps)
                    Fail("It goes on for ever");
                if (IsBroken)
                    break;
            }
            Check();
        }
        finally
        {
            _worker.Bury();
        }
    }

    /// <summary>Has others act for a while, in the middle of something that a thread of the worker does without a lock.</summary>
    public void Interleave(ModelWorker worker)
    {
        if (_depth == MaxDepth)
            return;
        _depth++;
        while (!worker.IsGone && !_isEnded && Random.Next(3) == 0 && TryStep())
        {
        }
        _depth--;
    }

    /// <summary>Returns whether the worker has ended, perhaps just now.</summary>
    public bool Dies()
    {
        if (ComesToItsEnd())
            Kill();
        return _worker.IsGone;
    }

    /// <summary>Returns whether the worker is killed now.</summary>
    public bool ComesToItsEnd() => _kills > 0 && !_worker.IsGone && !_isEnded && Random.Next(50) == 0;

    /// <summary>Kills the worker, and has the primary decide at once: nothing that the worker does after that has an effect.</summary>
    public void Kill()
    {
        _kills--;
        Note("kill");
        _worker.IsGone = true;
        _worker.Bury();
        Primary.WorkerEnded(_worker);
    }

    /// <summary>Checks the primary's decision against the client's view.</summary>
    public void Decided(ModelWorker worker, ClusterConnectionState state)
    {
        Note(state.ToString());
        var (answered, asked, isWhole) = (Client.Answers.Count, Client.Asked, Client.IsBetweenAnswers);
        if (state != ClusterConnectionState.Idle && isWhole && asked == answered && answered > 0 && KernelCounts)
        {
            // The client waits for nothing. Where a request's end is known only when its trailers are, or the response closes, it may be cut all the same.
            var last = Client.Requests[answered - 1];
            if (!last.IsChunked && !last.Closes && !worker.IsUnsure)
                Fail("An idle connection is ended");
        }
        switch (state)
        {
            case ClusterConnectionState.Idle:
                if (!isWhole)
                    Fail("It goes on in the middle of an answer");
                _outcomes.Add("survived idle");
                break;
            case ClusterConnectionState.Repeatable:
                if (!isWhole || asked == answered)
                    Fail("There is nothing to repeat");
                _outcomes.Add("replayed");
                break;
            case ClusterConnectionState.Busy:
                if (!isWhole)
                    Fail("502 in the middle of an answer");
                _outcomes.Add("answered 502");
                break;
            default:
                // Who waits for an answer of which nothing was sent is told. But where it is sent together with something before it: then all or nothing is known to be there.
                var sent = Client.Received - worker.SentBefore;
                if (isWhole && asked > answered && KernelCounts && (sent == 0 || !Client.IsPipelined) && !Client.Requests[answered].Expects && worker.Socket.BeginsAsHttp1
                    && (answered == 0 || Client.Requests[answered - 1] is { IsChunked: false, Closes: false }) && worker.HasReadBody)
                    Fail("It ends though nothing was answered");
                _outcomes.Add("cut");
                break;
        }
    }

    /// <summary>Notes that a worker's program does what a request asks for.</summary>
    public void Executes(ModelRequest request)
    {
        Note($"execute {request.Id}");
        var times = _executed[request.Id] = _executed.GetValueOrDefault(request.Id) + 1;
        if (times > (request.IsIdempotent && Replays ? 2 : 1))
            Fail($"Request {request.Id} is executed {times} times");
    }

    /// <summary>Notes that the worker gives the connection back.</summary>
    public void Moved(ModelWorker worker)
    {
        Note("move");
        _outcomes.Add("moved");
        worker.IsGone = true;
        Primary.Returned(worker);
    }

    /// <summary>Notes that the worker ends the connection.</summary>
    public void Closed()
    {
        if (Client.Answers is not [.., > 0 and var last] || !Client.Requests[last - 1].Closes)
            Fail("A worker closes the connection for no reason");
        _outcomes.Add("closed");
        End();
    }

    /// <summary>Notes that the client sees the connection's end.</summary>
    public void End()
    {
        Note("end");
        _isEnded = true;
    }

    /// <summary>Notes that a promise is broken. The schedule ends with the first one.</summary>
    public void Fail(string violation) => _violation ??= $"{violation}: {Describe()}";

    /// <summary>Takes one step of the client, the worker, or who moves or kills it. Returns false when none of them can do anything.</summary>
    private bool TryStep()
    {
        _steps++;
        if (_kills > 0 && Random.Next(60) == 0)
        {
            Kill();
            return true;
        }
        if (Random.Next(40) == 0)
            _worker.RequestMove(ifIdle: Random.Next(2) == 0);
        if (Client.CanSend && Random.Next(3) == 0)
        {
            ClientSends();
            return true;
        }
        if (_worker.Steps.TryRunOne())
            return true;
        if (_depth == 0)
            CheckRest();
        if (!Client.CanSend)
            return false;
        ClientSends();
        return true;
    }

    private void ClientSends()
    {
        Client.Send();
        Note($"sent {Client.Sent}");
        _worker.Socket.BytesCame();
    }

    private void Check()
    {
        if (!IsBroken)
            CheckAnswers();
        if (IsBroken)
            throw new InvalidOperationException(_violation);
        if (!_isEnded)
            _outcomes.Add("all answered");
        if (_executed.ContainsValue(2))
            _outcomes.Add("executed twice");
    }

    /// <summary>Checks a connection on which nobody has anything to do, until the client sends.</summary>
    private void CheckRest()
    {
        var answered = Client.Answers.Count;
        if (Client.Asked != answered || !Client.IsBetweenAnswers || !_worker.HasReadBody || (answered > 0 && Client.Requests[answered - 1].Closes))
            return;
        if (_worker.Board.StateOf(_worker.Number) != ClusterConnectionState.Idle)
            Fail("A connection at rest is not idle for the primary");
        if (_worker.IsToMove)
            Fail("A worker keeps a connection that it is to give back");
    }

    private void CheckAnswers()
    {
        var answers = Client.Answers;
        var ids = answers.TakeWhile(answer => answer != 0).ToList();
        if (ids.Count < answers.Count - 1)
            Fail("502 is not the last");
        if (!ids.SequenceEqual(Client.Requests.Select(request => request.Id).Take(ids.Count)))
            Fail("The answers are others, or in another order");
        if (!_isEnded && !Client.IsDone)
            Fail("It hangs");
    }

    private void Note(string what) => _trace.Append(what).Append("; ");

    private string Describe()
    {
        var board = _worker is null ? "" : $"{_worker.Board.StateOf(_worker.Number)} {_worker.Board.ResponseOf(_worker.Number)}";
        return $"worker {_workers}, board {board}, taken {Taken}, {Client}; {_trace}";
    }
}
