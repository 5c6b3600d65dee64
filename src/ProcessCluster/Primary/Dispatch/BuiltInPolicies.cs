using System.Buffers.Text;

namespace ProcessCluster.Primary.Dispatch;

/// <summary>The policies that have names, but for the round robin, which needs no look at all workers.</summary>
internal static class BuiltInPolicies
{
    /// <summary>Null for the round robin.</summary>
    public static IDispatchPolicy? Create(DispatchPolicy policy, string stickyName) => policy switch
    {
        DispatchPolicy.LeastConnections => new Least(static worker => (worker.OpenConnections, 0)),
        DispatchPolicy.LeastBusy => new Least(static worker => (worker.Busy, worker.OpenConnections)),
        DispatchPolicy.ClientAddress => new ByClientAddress(),
        DispatchPolicy.Weighted => new SmoothlyWeighted(),
        DispatchPolicy.Random => new TwoAtRandom(),
        DispatchPolicy.Cookie => new ByFirstBytes(new HttpHead(stickyName, isCookie: true)),
        DispatchPolicy.Header => new ByFirstBytes(new HttpHead(stickyName, isCookie: false)),
        DispatchPolicy.ServerName => new ByFirstBytes(new ClientHello()),
        _ => null,
    };

    /// <summary>Returns whether the policy gives all workers as many connections: it chooses by their number alone, or by nothing.</summary>
    public static bool IsEven(DispatchPolicy policy) => policy is DispatchPolicy.RoundRobin or DispatchPolicy.LeastConnections or DispatchPolicy.Random;

    /// <summary>Whoever has the least, in turn among equals.</summary>
    private sealed class Least(Func<DispatchCandidate, (int First, int Second)> load) : IDispatchPolicy
    {
        private int _next;

        public int Choose(in DispatchConnection connection, ReadOnlySpan<DispatchCandidate> workers)
        {
            var chosen = -1;
            (int, int) least = default;
            for (var i = 0; i < workers.Length; i++)
            {
                var index = (_next + i) % workers.Length;
                if (!workers[index].IsFree)
                    continue;
                var its = load(workers[index]);
                if (chosen < 0 || its.CompareTo(least) < 0)
                    (chosen, least) = (index, its);
            }
            if (chosen >= 0)
                _next = chosen + 1;
            return chosen;
        }
    }

    private sealed class TwoAtRandom : IDispatchPolicy
    {
        public int Choose(in DispatchConnection connection, ReadOnlySpan<DispatchCandidate> workers)
        {
            var first = Take(workers, -1);
            var second = first < 0 ? -1 : Take(workers, first);
            return second >= 0 && workers[second].OpenConnections < workers[first].OpenConnections ? second : first;
        }

        /// <summary>A free one at random, each with the same chance.</summary>
        private static int Take(ReadOnlySpan<DispatchCandidate> workers, int without)
        {
            var (chosen, seen) = (-1, 0);
            for (var i = 0; i < workers.Length; i++)
            {
                if (workers[i].IsFree && i != without && Random.Shared.Next(++seen) == 0)
                    chosen = i;
            }
            return chosen;
        }
    }

    /// <summary>
    /// Each has credit in proportion to its weight; whoever has most is next and pays for all. So the turns of a heavy one are spread out.
    /// </summary>
    private sealed class SmoothlyWeighted : IDispatchPolicy
    {
        private readonly Dictionary<int, int> _credit = [];

        public int Choose(in DispatchConnection connection, ReadOnlySpan<DispatchCandidate> workers)
        {
            var (chosen, most, all) = (-1, int.MinValue, 0);
            for (var i = 0; i < workers.Length; i++)
            {
                if (!workers[i].IsFree)
                    continue;
                var credit = _credit[workers[i].Slot] = _credit.GetValueOrDefault(workers[i].Slot) + workers[i].Weight;
                all += workers[i].Weight;
                if (credit > most)
                    (chosen, most) = (i, credit);
            }
            if (chosen >= 0)
                _credit[workers[chosen].Slot] -= all;
            return chosen;
        }
    }

    private sealed class ByClientAddress : IDispatchPolicy
    {
        private const int PrefixV6 = 8;

        public int Choose(in DispatchConnection connection, ReadOnlySpan<DispatchCandidate> workers)
        {
            var address = connection.ClientAddress;
            return Rendezvous.Choose(address.Length > 4 ? address[..PrefixV6] : address, workers);
        }
    }

    /// <summary>By a key in what the client sends first; in turn without one.</summary>
    private sealed class ByFirstBytes(IFirstBytes format) : IDispatchPolicy
    {
        private readonly Least _others = new(static worker => (worker.OpenConnections, 0));

        private static ReadOnlySpan<byte> SlotStart => "slot-"u8;

        public int MaxPeekBytes => format.MaxBytes;

        public bool HasSeenEnough(ReadOnlySpan<byte> sent) => format.IsWhole(sent);

        public int Choose(in DispatchConnection connection, ReadOnlySpan<DispatchCandidate> workers)
        {
            var key = format.Key(connection.Sent);
            if (key.IsEmpty)
                return _others.Choose(connection, workers);
            if (key.StartsWith(SlotStart)
                && Utf8Parser.TryParse(key[SlotStart.Length..], out int slot, out _)
                && Rendezvous.NewestOf(slot, workers) is >= 0 and var named)
            {
                return named;
            }
            return Rendezvous.Choose(key, workers);
        }
    }

    /// <summary>
    /// Highest-random-weight hashing (Thaler and Ravishankar, 1996): each slot draws a number by the key, the highest one has it. So a slot that comes or goes
    /// moves nobody else's keys.
    /// </summary>
    private static class Rendezvous
    {
        public static int Choose(ReadOnlySpan<byte> key, ReadOnlySpan<DispatchCandidate> workers)
        {
            var hash = Hash(key);
            var (chosen, highest) = (-1, 0UL);
            for (var i = 0; i < workers.Length; i++)
            {
                var drawn = Mix(hash ^ Mix((ulong)workers[i].Slot + 1));
                if (chosen < 0 || drawn > highest || (drawn == highest && workers[i].Generation > workers[chosen].Generation))
                    (chosen, highest) = (i, drawn);
            }
            return chosen;
        }

        /// <summary>The worker of the slot; during a reload the newer one of the two.</summary>
        public static int NewestOf(int slot, ReadOnlySpan<DispatchCandidate> workers)
        {
            var newest = -1;
            for (var i = 0; i < workers.Length; i++)
            {
                if (workers[i].Slot == slot && (newest < 0 || workers[i].Generation > workers[newest].Generation))
                    newest = i;
            }
            return newest;
        }

        private static ulong Hash(ReadOnlySpan<byte> key)
        {
            var hash = Fnv1a.Start;
            foreach (var one in key)
                hash = Fnv1a.Add(hash, one);
            return hash;
        }

        /// <summary>SplitMix64's finalizer: each bit of the input turns half of the output's.</summary>
        private static ulong Mix(ulong value)
        {
            value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9UL;
            value = (value ^ (value >> 27)) * 0x94D049BB133111EBUL;
            return value ^ (value >> 31);
        }
    }
}
