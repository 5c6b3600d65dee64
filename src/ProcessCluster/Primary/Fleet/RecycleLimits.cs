using System.Globalization;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary.Fleet;

/// <summary>The limits of one worker, jitter included, and which of them it is past; or that a time of the schedule has come.</summary>
internal readonly record struct RecycleLimits(long MaxMemory, long MaxRequests, TimeSpan MaxAge, bool IsScheduled = false)
{
    /// <param name="options">The rules.</param>
    /// <param name="noise">Between 0 and 1.</param>
    public static RecycleLimits For(RecycleOptions options, double noise)
    {
        var more = 1 + (options.Jitter * noise);
        return new RecycleLimits(options.MaxMemory, (long)(options.MaxRequests * more), options.MaxAge * more);
    }

    /// <summary>The rule that the worker is due by, in words; null when it is not.</summary>
    public string? RuleFor(in WorkerLoad load, TimeSpan age)
    {
        if (MaxMemory > 0 && load.Memory > MaxMemory)
            return string.Create(CultureInfo.InvariantCulture, $"Recycle:MaxMemory, {load.Memory >> 20} MiB of {MaxMemory >> 20}");
        if (MaxRequests > 0 && load.Requests >= MaxRequests)
            return string.Create(CultureInfo.InvariantCulture, $"Recycle:MaxRequests, {load.Requests} requests of {MaxRequests}");
        if (MaxAge > TimeSpan.Zero && age >= MaxAge)
            return string.Create(CultureInfo.InvariantCulture, $"Recycle:MaxAge, {age:c} of {MaxAge:c}");
        return IsScheduled ? "Recycle:Schedule" : null;
    }

    /// <summary>Returns whether one of the times of the day is after the first moment and not after the second.</summary>
    public static bool IsTime(IEnumerable<TimeOnly> schedule, DateTime after, DateTime now)
    {
        // A clock that was set, by more than an hour forward or at all back, has skipped those times rather than passed them.
        if (now <= after || now - after > TimeSpan.FromHours(1))
            return false;
        foreach (var time in schedule)
        {
            var today = now.Date + time.ToTimeSpan();
            if ((today > after && today <= now) || (today.AddDays(-1) > after && today.AddDays(-1) <= now))
                return true;
        }
        return false;
    }
}
