namespace ProcessCluster.Primary.Dispatch;

/// <summary>
/// Evens out the kept connections of a port's workers: asks those that have had more than the mean for a while to give idle ones back, which then go to the
/// emptiest. Nobody is asked for more than brings it to the mean, so that nothing swings. Belongs to the cluster's loop; a look allocates nothing and is O(n).
/// </summary>
internal sealed class ConnectionRebalancer
{
    /// <summary>By how many connections a worker may differ from the mean, however small that is; else by a tenth of it.</summary>
    public const int Few = 3;

    /// <summary>
    /// For how many looks in a row workers must be uneven before they are asked, and again before they are asked once more: connections that come and go are not
    /// moved, and what was asked for has time to arrive. Each look counts the least surplus of them all.
    /// </summary>
    public const int LooksThatCount = 3;

    /// <summary>The number of connections that a worker is asked for at first, as the receiver may have to compile its code first. It doubles each time that the worker gives some, up to the most.</summary>
    public const int FirstAtOnce = 16, MostAtOnce = 128;

    /// <summary>The time for which a worker that gave none is left alone: its connections are busy, or cannot move. It doubles each time.</summary>
    public static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromSeconds(16);

    private readonly List<Share> _shares = [];
    private readonly HashSet<int> _slots = [];
    private int _looks;

    /// <summary>A worker, with what is known of it.</summary>
    private sealed class Share(IRebalancedWorker holder)
    {
        private int _connectionsWhenAsked;
        private int _asked;
        private TimeSpan _pause;
        private TimeSpan _pausedUntil;
        private int _most = FirstAtOnce;

        public IRebalancedWorker Holder => holder;

        /// <summary>At this look.</summary>
        public int Connections { get; set; }

        /// <summary>Gets or sets the number by which it was above the mean in all samples that count.</summary>
        public int Surplus { get; set; }

        /// <summary>All are even: what it could not give before it may be able to give another time.</summary>
        public void Forget() => (_asked, _pause, _pausedUntil, _most) = (0, default, default, FirstAtOnce);

        /// <summary>Returns whether it is left alone for now.</summary>
        public bool IsPausing(TimeSpan now) => _asked == 0 && now < _pausedUntil;

        /// <summary>Returns whether it is worth asking now. Notes whether it has given what it was asked for before.</summary>
        public bool IsWilling(TimeSpan now)
        {
            if (_asked > 0)
            {
                // Less than a quarter is no progress: what comes and goes by itself is not to look like it.
                var hasGiven = _connectionsWhenAsked - Connections >= (_asked + 3) / 4;
                _asked = 0;
                _most = hasGiven ? Math.Min(_most * 2, MostAtOnce) : _most;
                _pause = hasGiven ? default : _pause == default ? FirstPause : _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
                _pausedUntil = now + _pause;
            }
            return !IsPausing(now);
        }

        public void Ask()
        {
            _connectionsWhenAsked = Connections;
            _asked = Math.Min(Surplus, _most);
            holder.GiveBack(_asked);
        }
    }

    public void Add(IRebalancedWorker holder) => _shares.Add(new Share(holder));

    public void Remove(IRebalancedWorker holder) => _shares.RemoveAll(share => share.Holder == holder);

    /// <summary>Asks whoever shall give back some. True when it wants to look again a tenth of a second later; else it is enough to look every now and then.</summary>
    /// <param name="now">The time, from any beginning.</param>
    public bool Rebalance(TimeSpan now)
    {
        if (!TryCount(out var count, out var all))
        {
            _looks = 0;
            return false;
        }
        if (IsEven(count, all))
        {
            _looks = 0;
            foreach (var share in _shares)
                share.Forget();
            return false;
        }
        _looks++;
        var mean = (int)((all + count - 1) / count);
        var isWorthIt = false;
        foreach (var share in _shares)
        {
            if (!share.Holder.CanTake)
                share.Surplus = 0;
            else
                share.Surplus = _looks == 1 ? share.Connections - mean : Math.Min(share.Surplus, share.Connections - mean);
            if (share.Surplus <= 0)
                continue;
            if (_looks < LooksThatCount ? share.IsPausing(now) : !share.IsWilling(now))
                continue;
            isWorthIt = true;
            if (_looks == LooksThatCount)
                share.Ask();
        }
        if (_looks == LooksThatCount || !isWorthIt)
            _looks = 0;
        return isWorthIt;
    }

    /// <summary>
    /// Counts their connections. Returns false when there is nothing to balance, or a worker is about to be replaced: the one that leaves gives all of its connections anyway.
    /// Whoever takes none now is left out: it would be sent what only comes back.
    /// </summary>
    private bool TryCount(out int count, out long all)
    {
        count = 0;
        all = 0;
        _slots.Clear();
        foreach (var share in _shares)
        {
            if (!_slots.Add(share.Holder.Slot))
                return false;
            if (!share.Holder.CanTake)
                continue;
            share.Connections = share.Holder.Connections;
            all += share.Connections;
            count++;
        }
        return count > 1;
    }

    private bool IsEven(int count, long all)
    {
        var most = Math.Max(Few * (long)count, all / 10);
        foreach (var share in _shares)
        {
            if (share.Holder.CanTake && Math.Abs((share.Connections * (long)count) - all) > most)
                return false;
        }
        return true;
    }
}

/// <summary>A worker as far as it has connections.</summary>
internal interface IRebalancedWorker
{
    /// <summary>Its slot.</summary>
    int Slot { get; }

    /// <summary>Gets whether it may be given connections.</summary>
    bool CanTake { get; }

    /// <summary>Gets the number of its connections, with those on their way to it.</summary>
    int Connections { get; }

    /// <summary>Asks it to give so many idle ones back.</summary>
    void GiveBack(int count);
}
