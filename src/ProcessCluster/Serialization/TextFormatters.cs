namespace ProcessCluster.Serialization;

/// <summary><see cref="string"/> as text in UTF-8, null as nil.</summary>
public sealed class StringFormatter : IMessageFormatter<string?>
{
    /// <summary>The only one.</summary>
    public static readonly StringFormatter Instance = new();

    private StringFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in string? value) => writer.Write(value);

    /// <inheritdoc/>
    public string? Read(ref MessagePackReader reader) => reader.ReadString();
}

/// <summary><see cref="Uri"/>, absolute or relative, as the text it was made from; null as nil.</summary>
public sealed class UriFormatter : IMessageFormatter<Uri?>
{
    /// <summary>The only one.</summary>
    public static readonly UriFormatter Instance = new();

    private UriFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in Uri? value) => writer.Write(value?.OriginalString);

    /// <inheritdoc/>
    public Uri? Read(ref MessagePackReader reader)
    {
        var start = reader.Consumed;
        if (reader.ReadString() is not { } text)
            return null;
        return Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out var uri)
            ? uri
            : throw new MessageFormatException("a URI as text", $"text of {text.Length} characters that is none", start);
    }
}

/// <summary><see cref="Version"/> as text such as "1.2.3"; null as nil.</summary>
public sealed class VersionFormatter : IMessageFormatter<Version?>
{
    /// <summary>The only one.</summary>
    public static readonly VersionFormatter Instance = new();

    private VersionFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in Version? value) => writer.Write(value?.ToString());

    /// <inheritdoc/>
    public Version? Read(ref MessagePackReader reader)
    {
        var start = reader.Consumed;
        if (reader.TryReadNil())
            return null;
        var text = reader.ReadUtf8();
        return Version.TryParse(text, out var version)
            ? version
            : throw new MessageFormatException("a version as text", $"text of {text.Length} bytes that is none", start);
    }
}
