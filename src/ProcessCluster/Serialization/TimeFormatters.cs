namespace ProcessCluster.Serialization;

/// <summary>
/// <see cref="DateTime"/> as MessagePack's timestamp, read as UTC. Local time is converted to UTC; a time of unspecified kind is taken
/// for UTC. All its 100 ns are kept.
/// </summary>
public sealed class DateTimeFormatter : IMessageFormatter<DateTime>
{
    /// <summary>The only one.</summary>
    public static readonly DateTimeFormatter Instance = new();

    private DateTimeFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in DateTime value) => writer.Write(value);

    /// <inheritdoc/>
    public DateTime Read(ref MessagePackReader reader) => reader.ReadDateTime();
}

/// <summary><see cref="DateTimeOffset"/> as an array of two: the timestamp in UTC, and the offset from UTC in minutes.</summary>
public sealed class DateTimeOffsetFormatter : IMessageFormatter<DateTimeOffset>
{
    /// <summary>The only one.</summary>
    public static readonly DateTimeOffsetFormatter Instance = new();

    private const int MaxOffsetMinutes = 14 * 60;

    private DateTimeOffsetFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in DateTimeOffset value)
    {
        writer.WriteArrayHeader(2);
        writer.Write(value.UtcDateTime);
        writer.Write((short)value.TotalOffsetMinutes);
    }

    /// <inheritdoc/>
    public DateTimeOffset Read(ref MessagePackReader reader)
    {
        var start = reader.Consumed;
        reader.ReadArrayHeader(2, "a time with its offset");
        var utc = new DateTimeOffset(reader.ReadDateTime());
        var minutes = reader.ReadInt16();
        var ticks = utc.Ticks + (minutes * TimeSpan.TicksPerMinute);
        if (Math.Abs((int)minutes) > MaxOffsetMinutes || ticks < DateTime.MinValue.Ticks || ticks > DateTime.MaxValue.Ticks)
            throw new MessageFormatException("an offset of at most 14 hours that leaves the years 1 to 9999", $"{minutes} minutes", start);
        return utc.ToOffset(TimeSpan.FromMinutes(minutes));
    }
}

/// <summary><see cref="DateOnly"/> as the number of days since the first of January of year 1.</summary>
public sealed class DateOnlyFormatter : IMessageFormatter<DateOnly>
{
    /// <summary>The only one.</summary>
    public static readonly DateOnlyFormatter Instance = new();

    private DateOnlyFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in DateOnly value) => writer.Write(value.DayNumber);

    /// <inheritdoc/>
    public DateOnly Read(ref MessagePackReader reader)
    {
        var start = reader.Consumed;
        var day = reader.ReadInt32();
        return day >= 0 && day <= DateOnly.MaxValue.DayNumber
            ? DateOnly.FromDayNumber(day)
            : throw new MessageFormatException("a day number of the years 1 to 9999", $"{day}", start);
    }
}

/// <summary><see cref="TimeOnly"/> as the number of 100 ns since midnight.</summary>
public sealed class TimeOnlyFormatter : IMessageFormatter<TimeOnly>
{
    /// <summary>The only one.</summary>
    public static readonly TimeOnlyFormatter Instance = new();

    private TimeOnlyFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in TimeOnly value) => writer.Write(value.Ticks);

    /// <inheritdoc/>
    public TimeOnly Read(ref MessagePackReader reader)
    {
        var start = reader.Consumed;
        var ticks = reader.ReadInt64();
        return ticks is >= 0 and < TimeSpan.TicksPerDay
            ? new TimeOnly(ticks)
            : throw new MessageFormatException("a time of day in units of 100 ns", $"{ticks}", start);
    }
}

/// <summary><see cref="TimeSpan"/> as a number of 100 ns.</summary>
public sealed class TimeSpanFormatter : IMessageFormatter<TimeSpan>
{
    /// <summary>The only one.</summary>
    public static readonly TimeSpanFormatter Instance = new();

    private TimeSpanFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in TimeSpan value) => writer.Write(value.Ticks);

    /// <inheritdoc/>
    public TimeSpan Read(ref MessagePackReader reader) => new(reader.ReadInt64());
}
