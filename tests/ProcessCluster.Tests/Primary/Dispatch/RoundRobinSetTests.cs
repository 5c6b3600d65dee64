using ProcessCluster.Linux.Files;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Primary.Dispatch;

public sealed class RoundRobinSetTests
{
    private readonly FakeTime _time = new();
    private readonly RoundRobinSet _free;

    public RoundRobinSetTests() => _free = new RoundRobinSet(0, _time);

    [Fact]
    public void Without_seats_there_is_none_to_take()
    {
        Assert.False(_free.TryTake(default, out var candidate));
        Assert.Null(candidate);
    }

    [Fact]
    public void Seats_are_taken_in_turn()
    {
        var candidates = Add(3);
        Assert.Equal([.. candidates, .. candidates, .. candidates], Take(9));
    }

    [Fact]
    public void Whoever_answers_first_is_next_in_turn()
    {
        var (a, b, c) = (Add(), Add(), Add());
        Take(3);
        _free.Answered(c);
        _free.Answered(a);
        _free.Answered(b);
        Assert.Equal([c, a, b], Take(3));
    }

    [Fact]
    public void Those_with_the_fewest_unanswered_offers_come_first()
    {
        var (a, b) = (Add(), Add());
        Take(4);
        _free.Answered(b);
        _free.Answered(b);
        Assert.Equal([b, b, a], Take(3));
    }

    [Fact]
    public void A_worker_that_is_behind_with_its_answers_keeps_its_turns()
    {
        var (quick, slow) = (Add(), Add());
        for (var i = 0; i < 2 * Candidate.MaxOffers; i++)
        {
            if (Take(1)[0] == quick)
                _free.Answered(quick);
        }
        Assert.InRange(slow.Outstanding, Candidate.MaxOffers - 2, Candidate.MaxOffers);
    }

    [Fact]
    public void Connections_are_held_for_a_worker_that_may_just_wait_for_a_processor()
    {
        var (quick, slow) = BehindByAllOffers();
        Assert.True(_free.IsHolding);
        _free.Answered(slow);
        Assert.Equal([slow], Take(1));
        Assert.Equal([quick], Take(1));
    }

    [Fact]
    public void A_silent_worker_is_passed_over_and_is_back_in_turn_with_its_answer()
    {
        var (quick, slow) = BehindByAllOffers();
        _time.Advance(TimeSpan.FromMilliseconds(99), static () => { });
        Assert.False(_free.TryTake(default, out _));
        _time.Advance(TimeSpan.FromMilliseconds(1), static () => { });
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal([quick], Take(1));
            _free.Answered(quick);
        }
        for (var i = 0; i < Candidate.MaxOffers; i++)
            _free.Answered(slow);
        var both = Take(10);
        Assert.InRange(both.Count(candidate => candidate == slow), 4, 6);
    }

    [Fact]
    public void A_worker_that_is_always_slow_costs_the_others_a_part_of_the_time_and_no_more()
    {
        var (quick, slow) = BehindByAllOffers();
        var held = 0;
        // An answer in 15 ms is no silence. The quick one could take a connection each millisecond.
        for (var ms = 0; ms < 20_000; ms++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(1), static () => { });
            if (ms % 15 == 0 && slow.Outstanding > 0)
                _free.Answered(slow);
            if (!_free.TryTake(default, out var taken))
                held++;
            else if (taken == quick)
                _free.Answered(quick);
        }
        Assert.InRange(held, 1, 20_000 / 5 + 500);
    }

    [Fact]
    public void A_seat_that_comes_later_catches_up()
    {
        var first = Add();
        Take(2);
        var second = Add();
        Assert.Equal([second, second, first], Take(3));
    }

    [Fact]
    public void A_worker_that_does_not_answer_gets_no_more_than_its_share()
    {
        var candidate = Add();
        Take(Candidate.MaxOffers);
        Assert.Equal(Candidate.MaxOffers, candidate.Outstanding);
        Assert.False(_free.TryTake(default, out _));

        _free.Answered(candidate);
        Assert.Equal([candidate], Take(1));
        Assert.False(_free.TryTake(default, out _));
    }

    [Fact]
    public void A_removed_seat_is_out_of_turn_for_good_whatever_is_under_way_to_it()
    {
        for (var outstanding = 0; outstanding <= Candidate.MaxOffers; outstanding++)
        {
            var removed = Add();
            Take(outstanding);
            _free.Remove(removed);
            for (var i = 0; i < outstanding; i++)
                _free.Answered(removed);
            Assert.Equal(0, removed.Outstanding);
            Assert.False(_free.TryTake(default, out _));
        }
        var other = Add();
        Assert.Equal([other], Take(1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Removing_one_keeps_the_order_of_the_others(int index)
    {
        var candidates = Add(3).ToList();
        _free.Remove(candidates[index]);
        candidates.RemoveAt(index);
        Assert.Equal([.. candidates, .. candidates], Take(4));
    }

    [Fact]
    public void A_stalled_seat_waits_for_the_end_of_stalls()
    {
        var (stalled, other) = (Add(), Add());
        Take(1);
        _free.Stall(stalled);
        Assert.True(_free.HasStalls);
        Assert.Equal(0, stalled.Outstanding);
        Assert.Equal([other, other], Take(2));

        _free.EndStalls();
        Assert.False(_free.HasStalls);
        Assert.Equal([stalled, stalled, other], Take(3));
    }

    [Fact]
    public void An_answer_ends_the_stall_of_its_seat()
    {
        var candidate = Add();
        Take(2);
        _free.Stall(candidate);
        Assert.False(_free.TryTake(default, out _));
        _free.Answered(candidate);
        Assert.Equal([candidate], Take(1));
    }

    [Fact]
    public void A_removed_seat_does_not_come_back_when_stalls_end()
    {
        var candidate = Add();
        Take(1);
        _free.Stall(candidate);
        _free.Remove(candidate);
        _free.EndStalls();
        Assert.False(_free.TryTake(default, out _));
    }

    [Fact]
    public void A_seat_that_is_full_again_when_stalls_end_stays_out_of_turn()
    {
        var candidate = Add();
        Take(2);
        _free.Stall(candidate);
        _free.Answered(candidate);
        Take(Candidate.MaxOffers);
        _free.EndStalls();
        Assert.False(_free.TryTake(default, out _));
        _free.Answered(candidate);
        Assert.Equal([candidate], Take(1));
    }

    [Fact]
    public void Any_course_of_events_agrees_with_a_naive_model()
    {
        const int Seed = 4711;
        var random = new Random(Seed);
        for (var round = 0; round < 500; round++)
        {
            var free = new RoundRobinSet(0, new FakeTime());
            var model = new Model();
            var happened = new List<string>();
            for (var step = 0; step < 200; step++)
            {
                try
                {
                    Step(random, free, model, happened);
                }
                catch (Exception exception)
                {
                    Assert.Fail($"Round {round} of seed {Seed}, after {string.Join(", ", happened)}: {exception}");
                }
            }
        }
    }

    [Fact]
    public void Taking_and_answering_allocate_nothing()
    {
        Add(8);
        var taken = new Candidate[16];
        for (var round = 0; round < 2; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1_000; i++)
            {
                for (var t = 0; t < taken.Length; t++)
                    taken[t] = _free.TryTake(default, out var candidate) ? candidate! : null!;
                foreach (var candidate in taken)
                    _free.Answered(candidate);
            }
            if (round > 0) // The first round compiles.
                Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    private static void Step(Random random, RoundRobinSet free, Model model, List<string> happened)
    {
        switch (random.Next(10))
        {
            case 0 when model.All.Count < 5:
                happened.Add("add");
                var added = new Candidate(null!, null!);
                free.Add(added);
                model.Add(added);
                break;
            case 1 when model.All.Count > 0 && random.Next(4) == 0:
                var removed = model.All[random.Next(model.All.Count)].Candidate;
                happened.Add($"remove {model.NumberOf(removed)}");
                free.Remove(removed);
                model.Remove(removed);
                break;
            case 2 or 3 or 4 when model.WithOffers.ToList() is { Count: > 0 } withOffers:
                var answered = withOffers[random.Next(withOffers.Count)];
                happened.Add($"answer {model.NumberOf(answered)}");
                free.Answered(answered);
                model.Answered(answered);
                break;
            case 5 when random.Next(3) == 0:
                happened.Add("end stalls");
                free.EndStalls();
                model.EndStalls();
                break;
            default:
                var expected = model.Take();
                happened.Add($"take {model.NumberOf(expected)}");
                Assert.Equal(expected is not null, free.TryTake(default, out var taken));
                Assert.Same(expected, taken);
                if (taken is not null && random.Next(5) == 0)
                {
                    happened.Add("stall it");
                    free.Stall(taken);
                    model.Stall(taken);
                }
                break;
        }
        Assert.Equal(model.HasStalls, free.HasStalls);
        Assert.All(model.All, entry => Assert.Equal(entry.Outstanding, entry.Candidate.Outstanding));
    }

    [Fact]
    public void A_connection_that_cannot_wait_goes_to_whoever_can_take_it()
    {
        var (quick, _) = BehindByAllOffers();
        _free.MayHold = false;
        Assert.Equal([quick], Take(1));
        Assert.False(_free.IsHolding);
    }

    [Fact]
    public void A_connection_that_moves_goes_to_the_emptiest_though_it_is_ahead_and_is_no_turn()
    {
        using var memory = SharedMemory.Create(Board.SizeFor(0), out var descriptor);
        Libc.close(descriptor);
        var (quick, slow) = BehindByAllOffers(new PrimaryBoard(memory));
        for (var i = 0; i < 5; i++)
        {
            Assert.True(_free.TryTakeEmptiest(out var emptiest));
            Assert.Same(quick, emptiest);
            _free.Answered(quick);
            Assert.True(_free.TryTake(quick));
            _free.Answered(quick);
        }
        _free.Answered(slow);
        Assert.Equal([slow], Take(1));
        Assert.Equal([quick], Take(1));
    }

    /// <summary>One worker that has answered everything and is as far ahead as it may be, and one that has answered nothing.</summary>
    private (Candidate Quick, Candidate Slow) BehindByAllOffers(PrimaryBoard? board = null)
    {
        var (quick, slow) = (Add(board), Add(board));
        while (_free.TryTake(default, out var taken))
        {
            if (taken == quick)
                _free.Answered(quick);
        }
        Assert.Equal((0, Candidate.MaxOffers), (quick.Outstanding, slow.Outstanding));
        return (quick, slow);
    }

    private Candidate Add(PrimaryBoard? board = null)
    {
        var candidate = new Candidate(null!, null!) { Board = board };
        _free.Add(candidate);
        return candidate;
    }

    private Candidate[] Add(int count) => [.. Enumerable.Range(0, count).Select(_ => Add())];

    private List<Candidate> Take(int count)
    {
        var taken = new List<Candidate>();
        for (var i = 0; i < count; i++)
        {
            Assert.True(_free.TryTake(default, out var candidate));
            taken.Add(candidate!);
        }
        return taken;
    }

    /// <summary>
    /// The same in the plainest way: of all seats in turn, but for those that are too far ahead of the last one, the one with the fewest offers that has waited longest.
    /// </summary>
    private sealed class Model
    {
        private const int MaxLead = 2;

        private readonly List<Entry> _stalls = [];
        private readonly List<Candidate> _all = [];
        private int _clock;
        private int _turn;

        public List<Entry> All { get; } = [];

        private List<Entry> Removed { get; } = [];

        public bool HasStalls => _stalls.Count > 0;

        public IEnumerable<Candidate> WithOffers => All.Concat(Removed).Where(entry => entry.Outstanding > 0).Select(entry => entry.Candidate);

        public int? NumberOf(Candidate? candidate) => candidate is null ? null : _all.IndexOf(candidate);

        public void Add(Candidate candidate)
        {
            _all.Add(candidate);
            var entry = new Entry(candidate);
            All.Add(entry);
            Comes(entry);
        }

        public void Remove(Candidate candidate)
        {
            var entry = Find(candidate);
            All.Remove(entry);
            Removed.Add(entry);
            Advance();
        }

        public Candidate? Take()
        {
            var next = All.Where(entry => entry is { IsStalled: false, Outstanding: < Candidate.MaxOffers } && entry.Turn - _turn < MaxLead)
                .OrderBy(entry => entry.Outstanding)
                .ThenBy(entry => entry.WaitsSince)
                .FirstOrDefault();
            if (next is null)
                return null;
            next.Outstanding++;
            next.Turn++;
            Advance();
            next.WaitsSince = _clock++;
            return next.Candidate;
        }

        public void Stall(Candidate candidate)
        {
            var entry = Find(candidate);
            entry.Outstanding--;
            entry.IsStalled = true;
            _stalls.Add(entry);
            Advance();
        }

        public void Answered(Candidate candidate)
        {
            var entry = Find(candidate);
            entry.Outstanding--;
            if (entry.IsStalled)
                Comes(entry);
            else
                entry.WaitsSince = _clock++;
        }

        public void EndStalls()
        {
            foreach (var entry in _stalls.Where(entry => entry.IsStalled))
                Comes(entry);
            _stalls.Clear();
        }

        private void Comes(Entry entry)
        {
            entry.IsStalled = false;
            entry.Turn = Math.Clamp(entry.Turn, _turn, _turn + MaxLead);
            entry.WaitsSince = _clock++;
            Advance();
        }

        /// <summary>Those that were too far ahead are behind the others.</summary>
        private void Advance()
        {
            while (All.Where(entry => !entry.IsStalled).Select(entry => (int?)entry.Turn).Min() is { } last && last > _turn)
            {
                var ahead = All.Where(entry => !entry.IsStalled && entry.Turn - _turn >= MaxLead);
                foreach (var entry in ahead.OrderBy(entry => entry.Outstanding).ThenBy(entry => entry.WaitsSince).ToList())
                    entry.WaitsSince = _clock++;
                _turn++;
            }
        }

        private Entry Find(Candidate candidate) => All.Concat(Removed).Single(entry => entry.Candidate == candidate);
    }

    private sealed class Entry(Candidate candidate)
    {
        public Candidate Candidate { get; } = candidate;

        public int Outstanding { get; set; }

        public int Turn { get; set; }

        public bool IsStalled { get; set; }

        public int WaitsSince { get; set; }
    }
}
