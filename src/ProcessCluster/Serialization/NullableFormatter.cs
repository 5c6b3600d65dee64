namespace ProcessCluster.Serialization;

/// <summary>A value that may be missing: nil, or what its own formatter writes.</summary>
/// <typeparam name="T">The type of the value.</typeparam>
/// <param name="value">The formatter of the value.</param>
public sealed class NullableFormatter<T>(IMessageFormatter<T> value) : IMessageFormatter<T?>
    where T : struct
{
    private readonly IMessageFormatter<T> _value = value;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in T? value)
    {
        if (value is { } present)
            _value.Write(ref writer, in present);
        else
            writer.WriteNil();
    }

    /// <inheritdoc/>
    public T? Read(ref MessagePackReader reader) => reader.TryReadNil() ? null : _value.Read(ref reader);
}
