using ProcessCluster.Primary.Listening;

namespace ProcessCluster.Tests.Primary.Listening;

public sealed class RoundRobinSeatsTests
{
    private readonly RoundRobinSeats _free = new();

    [Fact]
    public void Without_seats_there_is_none_to_take()
    {
        Assert.False(_free.TryTake(default, out var seat));
        Assert.Null(seat);
    }

    [Fact]
    public void Seats_are_taken_in_turn()
    {
        var seats = Add(3);
        Assert.Equal([.. seats, .. seats, .. seats], Take(9));
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
        var seat = Add();
        Take(Seat.MaxOffers);
        Assert.Equal(Seat.MaxOffers, seat.Outstanding);
        Assert.False(_free.TryTake(default, out _));

        _free.Answered(seat);
        Assert.Equal([seat], Take(1));
        Assert.False(_free.TryTake(default, out _));
    }

    [Fact]
    public void A_removed_seat_is_out_of_turn_for_good_whatever_is_under_way_to_it()
    {
        for (var outstanding = 0; outstanding <= Seat.MaxOffers; outstanding++)
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
        var seats = Add(3).ToList();
        _free.Remove(seats[index]);
        seats.RemoveAt(index);
        Assert.Equal([.. seats, .. seats], Take(4));
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
        var seat = Add();
        Take(2);
        _free.Stall(seat);
        Assert.False(_free.TryTake(default, out _));
        _free.Answered(seat);
        Assert.Equal([seat], Take(1));
    }

    [Fact]
    public void A_removed_seat_does_not_come_back_when_stalls_end()
    {
        var seat = Add();
        Take(1);
        _free.Stall(seat);
        _free.Remove(seat);
        _free.EndStalls();
        Assert.False(_free.TryTake(default, out _));
    }

    [Fact]
    public void A_seat_that_is_full_again_when_stalls_end_stays_out_of_turn()
    {
        var seat = Add();
        Take(2);
        _free.Stall(seat);
        _free.Answered(seat);
        Take(Seat.MaxOffers);
        _free.EndStalls();
        Assert.False(_free.TryTake(default, out _));
        _free.Answered(seat);
        Assert.Equal([seat], Take(1));
    }

    [Fact]
    public void Any_course_of_events_agrees_with_a_naive_model()
    {
        const int Seed = 4711;
        var random = new Random(Seed);
        for (var round = 0; round < 500; round++)
        {
            var free = new RoundRobinSeats();
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
        var taken = new Seat[16];
        for (var round = 0; round < 2; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1_000; i++)
            {
                for (var t = 0; t < taken.Length; t++)
                    taken[t] = _free.TryTake(default, out var seat) ? seat! : null!;
                foreach (var seat in taken)
                    _free.Answered(seat);
            }
            if (round > 0) // The first round compiles.
                Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    private static void Step(Random random, RoundRobinSeats free, Model model, List<string> happened)
    {
        switch (random.Next(10))
        {
            case 0 when model.Seats.Count < 5:
                happened.Add("add");
                var added = new Seat(null!, null!);
                free.Add(added);
                model.Add(added);
                break;
            case 1 when model.Seats.Count > 0 && random.Next(4) == 0:
                var removed = model.Seats[random.Next(model.Seats.Count)].Seat;
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
        Assert.All(model.Seats, entry => Assert.Equal(entry.Outstanding, entry.Seat.Outstanding));
    }

    private Seat Add()
    {
        var seat = new Seat(null!, null!);
        _free.Add(seat);
        return seat;
    }

    private Seat[] Add(int count) => [.. Enumerable.Range(0, count).Select(_ => Add())];

    private List<Seat> Take(int count)
    {
        var taken = new List<Seat>();
        for (var i = 0; i < count; i++)
        {
            Assert.True(_free.TryTake(default, out var seat));
            taken.Add(seat!);
        }
        return taken;
    }

    /// <summary>The same in the plainest way: of all seats in turn the one with the fewest offers that has waited longest.</summary>
    private sealed class Model
    {
        private readonly List<Entry> _stalls = [];
        private readonly List<Seat> _all = [];
        private int _clock;

        public List<Entry> Seats { get; } = [];

        private List<Entry> Removed { get; } = [];

        public bool HasStalls => _stalls.Count > 0;

        public IEnumerable<Seat> WithOffers => Seats.Concat(Removed).Where(entry => entry.Outstanding > 0).Select(entry => entry.Seat);

        public int? NumberOf(Seat? seat) => seat is null ? null : _all.IndexOf(seat);

        public void Add(Seat seat)
        {
            _all.Add(seat);
            Seats.Add(new Entry(seat) { WaitsSince = _clock++ });
        }

        public void Remove(Seat seat)
        {
            var entry = Find(seat);
            Seats.Remove(entry);
            Removed.Add(entry);
        }

        public Seat? Take()
        {
            var next = Seats.Where(entry => entry is { IsStalled: false, Outstanding: < Seat.MaxOffers })
                .OrderBy(entry => entry.Outstanding)
                .ThenBy(entry => entry.WaitsSince)
                .FirstOrDefault();
            if (next is null)
                return null;
            next.Outstanding++;
            next.WaitsSince = _clock++;
            return next.Seat;
        }

        public void Stall(Seat seat)
        {
            var entry = Find(seat);
            entry.Outstanding--;
            entry.IsStalled = true;
            _stalls.Add(entry);
        }

        public void Answered(Seat seat)
        {
            var entry = Find(seat);
            entry.Outstanding--;
            entry.IsStalled = false;
            entry.WaitsSince = _clock++;
        }

        public void EndStalls()
        {
            foreach (var entry in _stalls.Where(entry => entry.IsStalled))
                (entry.IsStalled, entry.WaitsSince) = (false, _clock++);
            _stalls.Clear();
        }

        private Entry Find(Seat seat) => Seats.Concat(Removed).Single(entry => entry.Seat == seat);
    }

    private sealed class Entry(Seat seat)
    {
        public Seat Seat { get; } = seat;

        public int Outstanding { get; set; }

        public bool IsStalled { get; set; }

        public int WaitsSince { get; set; }
    }
}
