using ProcessCluster.Linux.Processes;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Workers;

public sealed class LifecycleTests
{
    private static readonly WorkerState[] States = Enum.GetValues<WorkerState>();
    private static readonly LifecycleEvent[] Events = Enum.GetValues<LifecycleEvent>();
    private static readonly List<Lifecycle> Reachable = FindReachable();
    private static readonly List<Row> Rows = [.. Table("## What happens to a worker").Select(Row.Parse)];
    private static readonly List<CauseRow> CauseRows = [.. Table("## Why a worker ended").Select(CauseRow.Parse)];

    public static TheoryData<WorkerState, string> Pairs()
    {
        var pairs = new TheoryData<WorkerState, string>();
        foreach (var state in States)
        {
            foreach (var @event in Events)
                pairs.Add(state, @event.ToString());
        }
        return pairs;
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void What_happens_is_what_the_table_says(WorkerState state, string eventName)
    {
        var @event = Enum.Parse<LifecycleEvent>(eventName);
        var rows = Rows.Where(row => row.State == state && row.Event == @event).ToList();
        Assert.True(rows.Count > 0, $"lifecycle.md has no row for {state} and {@event}.");

        var used = new HashSet<Row>();
        foreach (var life in Reachable.Where(life => life.State == state))
        {
            var fitting = rows.Where(row => row.Condition.Holds(life)).ToList();
            Assert.True(fitting.Count == 1, $"lifecycle.md has {fitting.Count} rows that fit {@event} of {life}; one must.");
            var row = fitting[0];
            used.Add(row);
            var (next, actions) = life.On(@event);
            Assert.True(row.Next == next.State, $"{@event} of {life} leads to {next.State}; lifecycle.md says {row.Next}.");
            Assert.True(row.Actions == actions, $"{@event} of {life} is followed by {actions}; lifecycle.md says {row.Actions}.");
            Assert.True(
                row.Sets.Aggregate(life with { State = row.Next }, Flags.Set) == next,
                $"{@event} of {life} leads to {next}; lifecycle.md says that it sets [{string.Join(", ", row.Sets)}].");
        }
        Assert.All(rows, row => Assert.True(used.Contains(row), $"lifecycle.md has a row that never holds: {row}"));
    }

    [Fact]
    public void The_table_has_no_other_rows()
    {
        Assert.Equal(States.Length * Events.Length, Rows.Select(row => (row.State, row.Event)).Distinct().Count());
        Assert.Equal(States, Reachable.Select(life => life.State).Distinct().Order());
    }

    [Fact]
    public void An_event_that_does_not_exist_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Lifecycle.Start(expectsReady: false).On((LifecycleEvent)99));

    [Fact]
    public void A_worker_starts_connected_and_not_up()
    {
        Assert.Equal(new Lifecycle(WorkerState.Starting, ExpectsReady: true), Lifecycle.Start(expectsReady: true));
        Assert.All(States, state => Assert.Equal(
            state is not (WorkerState.Disconnected or WorkerState.Dead), new Lifecycle(state, ExpectsReady: false).IsConnected));
    }

    [Fact]
    public void Ten_thousand_random_lives_keep_the_promises()
    {
        const int Seed = 4711;
        var random = new Random(Seed);
        for (var walk = 0; walk < 10_000; walk++)
        {
            var life = Lifecycle.Start(random.Next(2) == 0);
            var happened = new List<LifecycleEvent>();
            int disconnected = 0, exited = 0;
            for (var step = random.Next(1, 30); step > 0; step--)
            {
                var before = life;
                var @event = Events[random.Next(Events.Length)];
                happened.Add(@event);
                (life, var actions) = life.On(@event);

                disconnected += actions.HasFlag(LifecycleActions.RaiseDisconnected) ? 1 : 0;
                exited += actions.HasFlag(LifecycleActions.RaiseExited) ? 1 : 0;
                Check(life.State >= before.State, "the state went backwards");
                Check(before.State != WorkerState.Dead || (life == before && actions == LifecycleActions.None), "something followed death");
                Check(!before.LeaveWanted || life.LeaveWanted, "the wish to leave was forgotten");
                Check(disconnected == (life.IsConnected ? 0 : 1), "Disconnected must be raised once, when the link is gone");
                Check(exited == (happened.Contains(LifecycleEvent.Exited) ? 1 : 0), "Exited must be raised once, when the process is gone");
                Check(exited <= disconnected, "Exited was raised before Disconnected");
            }

            void Check(bool holds, string otherwise) =>
                Assert.True(holds, $"Walk {walk} of seed {Seed}: {otherwise}. It went: {string.Join(", ", happened)}.");
        }
    }

    [Theory]
    [InlineData(WorkerExitCause.Requested, nameof(Lifecycle.LeaveWanted), false, 0, Signal.None)]
    [InlineData(WorkerExitCause.Requested, nameof(Lifecycle.LeaveWanted), false, null, Signal.SIGTERM)]
    [InlineData(WorkerExitCause.Completed, nameof(Lifecycle.IsUp), false, 0, Signal.None)]
    [InlineData(WorkerExitCause.Completed, "", false, 0, Signal.None)]
    [InlineData(WorkerExitCause.Crashed, nameof(Lifecycle.IsUp), false, 1, Signal.None)]
    [InlineData(WorkerExitCause.Crashed, nameof(Lifecycle.IsUp), false, null, Signal.SIGSEGV)]
    [InlineData(WorkerExitCause.Crashed, nameof(Lifecycle.LeaveWanted), false, null, Signal.SIGABRT)]
    [InlineData(WorkerExitCause.FailedAtBoot, "", false, 1, Signal.None)]
    [InlineData(WorkerExitCause.FailedAtBoot, "", true, 0, Signal.None)]
    [InlineData(WorkerExitCause.FailedAtBoot, nameof(Lifecycle.Overdue), false, null, Signal.SIGKILL)]
    [InlineData(WorkerExitCause.KilledLate, $"{nameof(Lifecycle.LeaveWanted)}, {nameof(Lifecycle.Overdue)}", false, null, Signal.SIGKILL)]
    [InlineData(WorkerExitCause.Killed, $"{nameof(Lifecycle.IsUp)}, {nameof(Lifecycle.KilledWith)}", false, null, Signal.SIGKILL)]
    [InlineData(WorkerExitCause.Crashed, $"{nameof(Lifecycle.IsUp)}, {nameof(Lifecycle.KilledWith)}", false, null, Signal.SIGSEGV)]
    [InlineData(WorkerExitCause.Crashed, nameof(Lifecycle.IsUp), true, null, Signal.SIGKILL)]
    [InlineData(WorkerExitCause.Crashed, $"{nameof(Lifecycle.IsUp)}, {nameof(Lifecycle.KilledWith)}", false, 1, Signal.None)]
    public void Each_cause_has_its_signs(WorkerExitCause cause, string flags, bool reportedFailure, int? exitCode, Signal signal)
    {
        var life = MarkdownTable.Names(flags).Aggregate(new Lifecycle(WorkerState.Disconnected, ExpectsReady: true), Flags.Set);
        Assert.Equal(cause, life.CauseOf(new ChildExit(exitCode, signal == Signal.None ? null : signal), reportedFailure));
    }

    [Fact]
    public void The_cause_is_what_the_table_says()
    {
        ChildExit[] exits =
        [
            new(0, null), new(1, null), new(143, null), new(255, null), new(null, null),
            new(null, Signal.SIGTERM), new(null, Signal.SIGKILL), new(null, Signal.SIGSEGV), new(null, (Signal)34),
            new(null, Signal.SIGKILL, ForWantOfMemory: true),
        ];
        var used = new HashSet<CauseRow>();
        foreach (var life in Reachable.Where(life => life.State != WorkerState.Dead))
        {
            foreach (var exit in exits)
            {
                foreach (var reported in (ReadOnlySpan<bool>)[false, true])
                {
                    var row = CauseRows.Find(row => row.Fits(life, exit, reported));
                    Assert.True(row is not null, $"lifecycle.md has no cause for {exit} of {life}, failure reported: {reported}.");
                    used.Add(row);
                    Assert.Equal((row, row.Cause), (row, life.CauseOf(exit, reported)));
                }
            }
        }
        Assert.All(CauseRows, row => Assert.True(used.Contains(row), $"lifecycle.md has a cause that never holds: {row}"));
        Assert.Equal(Enum.GetValues<WorkerExitCause>(), CauseRows.Select(row => row.Cause).Distinct().Order());
    }

    private static List<string[]> Table(string heading) => MarkdownTable.Read("lifecycle.md", heading);

    /// <summary>All that a worker can be, from its start on.</summary>
    private static List<Lifecycle> FindReachable()
    {
        List<Lifecycle> found = [];
        foreach (var start in (ReadOnlySpan<Lifecycle>)[Lifecycle.Start(false), Lifecycle.Start(true), Lifecycle.Start(true, listeningIsReady: true)])
        {
            found.Add(start);
            found.Add(start with { KilledWith = Signal.SIGKILL });
        }

        for (var i = 0; i < found.Count; i++)
        {
            foreach (var @event in Events)
            {
                var (next, _) = found[i].On(@event);
                if (!found.Contains(next))
                    found.Add(next);
            }
        }
        return found;
    }

    private sealed record Row(
        WorkerState State, LifecycleEvent Event, Flags Condition, WorkerState Next, string[] Sets, LifecycleActions Actions)
    {
        public static Row Parse(string[] cells)
        {
            var state = Enum.Parse<WorkerState>(cells[0]);
            return new Row(
                state,
                Enum.Parse<LifecycleEvent>(cells[1]),
                new Flags(cells[2]),
                cells[3] == "—" ? state : Enum.Parse<WorkerState>(cells[3]),
                MarkdownTable.Names(cells[4]),
                MarkdownTable.Names(cells[5]).Aggregate(LifecycleActions.None, (all, name) => all | Enum.Parse<LifecycleActions>(name)));
        }
    }

    private sealed record CauseRow(Flags Condition, bool? ReportedFailure, string Exit, WorkerExitCause Cause)
    {
        public static CauseRow Parse(string[] cells) => new(
            new Flags(cells[0]),
            cells[1] switch { "yes" => true, "—" => null, var other => throw new FormatException(other) },
            cells[2],
            Enum.Parse<WorkerExitCause>(cells[3]));

        public bool Fits(Lifecycle life, ChildExit exit, bool reportedFailure) =>
            Condition.Holds(life)
            && (ReportedFailure ?? reportedFailure) == reportedFailure
            && Exit switch
            {
                "—" => true,
                "code 0" => exit.ExitCode == 0,
                "code 0 or SIGTERM" => exit is { ExitCode: 0 } or { Signal: Signal.SIGTERM },
                "SIGKILL" => exit.Signal == Signal.SIGKILL,
                "SIGKILL, for want of memory" => exit is { Signal: Signal.SIGKILL, ForWantOfMemory: true },
                "that signal" => exit.Signal is not null && exit.Signal == life.KilledWith,
                _ => throw new FormatException(Exit),
            };
    }

    /// <summary>Flags that must be so: "IsUp, not LeaveWanted".</summary>
    private sealed record Flags(string Text)
    {
        public bool Holds(Lifecycle life) => Array.TrueForAll(
            MarkdownTable.Names(Text), name => name.StartsWith("not ", StringComparison.Ordinal) ? !Get(life, name[4..]) : Get(life, name));

        public static Lifecycle Set(Lifecycle life, string name) => name switch
        {
            nameof(Lifecycle.IsUp) => life with { IsUp = true },
            nameof(Lifecycle.LeaveWanted) => life with { LeaveWanted = true },
            nameof(Lifecycle.KilledWith) => life with { KilledWith = Signal.SIGKILL },
            nameof(Lifecycle.Overdue) => life with { Overdue = true },
            nameof(Lifecycle.Recycled) => life with { Recycled = true },
            nameof(Lifecycle.Hung) => life with { Hung = true },
            _ => throw new FormatException($"No event sets '{name}'."),
        };

        private static bool Get(Lifecycle life, string name) => name switch
        {
            nameof(Lifecycle.ExpectsReady) => life.ExpectsReady,
            nameof(Lifecycle.IsUp) => life.IsUp,
            nameof(Lifecycle.LeaveWanted) => life.LeaveWanted,
            nameof(Lifecycle.KilledWith) => life.KilledWith is not null,
            nameof(Lifecycle.Overdue) => life.Overdue,
            nameof(Lifecycle.ListeningIsReady) => life.ListeningIsReady,
            nameof(Lifecycle.Recycled) => life.Recycled,
            nameof(Lifecycle.Hung) => life.Hung,
            _ => throw new FormatException($"A worker's life has no flag '{name}'."),
        };
    }
}
