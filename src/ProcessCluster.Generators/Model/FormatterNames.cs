using System.Text;

namespace ProcessCluster.Generators.Model;

/// <summary>
/// Names of generated classes. A name depends on its type alone, so that it does not change with other types: the readable end of the
/// type's name and a hash (FNV-1a) of all of it.
/// </summary>
internal static class FormatterNames
{
    private const int MaxReadable = 40;

    public static string Of(string type)
    {
        var hash = Fnv1a.Start;
        foreach (var letter in type)
            hash = Fnv1a.Add(hash, letter);
        return $"{Readable(type)}_{(uint)(hash ^ (hash >> 32)):x8}";
    }

    private static string Readable(string type)
    {
        var name = new StringBuilder();
        var start = 0;
        for (var i = 0; i < type.Length && name.Length < MaxReadable; i++)
        {
            var letter = type[i];
            if (letter is '.' or ':')
            {
                // What stood before was a namespace or an outer type.
                name.Length = start;
            }
            else if (letter < 128 && char.IsLetterOrDigit(letter))
            {
                name.Append(letter);
            }
            else if (letter is '<' or ',' or '[' or '?')
            {
                name.Append(letter switch { '[' => "Array", '?' => "OrNull", _ => "_" });
                start = name.Length;
            }
        }
        return name.Length == 0 || char.IsDigit(name[0]) ? $"Type{name}" : name.ToString();
    }
}
