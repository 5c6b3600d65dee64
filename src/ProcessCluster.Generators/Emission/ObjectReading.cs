using System.Globalization;
using System.Text;
using Microsoft.CodeAnalysis.CSharp;
using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Emission;

/// <summary>
/// Reads an object. Where nothing has to be known before it is created, it is created first and its members are set as they come;
/// otherwise they are collected in variables, with a bit for each that it matters whether it came.
/// </summary>
internal sealed class ObjectReading(CodeText code, ObjectModel model)
{
    private const int BitsPerVariable = 64;

    private readonly CodeText _code = code;
    private readonly ObjectModel _model = model;
    private readonly bool _isSetDirectly = model.Parameters.Count == 0 && !model.Members.Any(member => member.IsInitOnly);

    public void Add()
    {
        FormatterSource.AddRead(_code, _model, () =>
        {
            if (_isSetDirectly)
                _code.Line($"var result = {Create(member => "default")};");
            else
                AddVariables();
            _code.Line($"var left = reader.Read{(_model.Slots is null ? "Map" : "Array")}Header();");
            _code.Line("reader.Enter();");
            if (_model.Slots is null)
                AddMap();
            else
                AddArray();
            _code.Line("reader.Leave();");
            if (!_isSetDirectly)
                AddCreation();
            _code.Line("return result;");
        });
        if (_model.Slots is null && _model.Members.Count > 0)
        {
            _code.Line();
            AddFind();
        }
    }

    private void AddVariables()
    {
        for (var i = 0; i < _model.Members.Count; i++)
        {
            var member = _model.Members[i];
            _code.Line($"{member.Value.Type} m{i} = {member.Default ?? "default"};");
        }
        for (var i = 0; i < _model.Members.Count; i += BitsPerVariable)
        {
            if (Enumerable.Range(i, Math.Min(BitsPerVariable, _model.Members.Count - i)).Any(NeedsBit))
                _code.Line($"ulong came{i / BitsPerVariable} = 0;");
        }
    }

    private void AddMap()
    {
        if (_model.Members.Count == 0)
        {
            _code.Block("for (; left > 0; left--)", () =>
            {
                _code.Line("reader.Skip();");
                _code.Line("reader.Skip();");
            });
            return;
        }
        _code.Line("var expected = 0;");
        _code.Block("for (; left > 0; left--)", () =>
        {
            _code.Line("var member = Find(reader.ReadUtf8(), expected);");
            AddSwitch("member", Enumerable.Range(0, _model.Members.Count), i => i, mayBeGap: false, "continue;");
            _code.Line("expected = member + 1;");
        });
    }

    private void AddArray()
    {
        var members = Enumerable.Range(0, _model.Members.Count).OrderBy(i => _model.Members[i].Slot);
        _code.Block(
            "for (var slot = 0; slot < left; slot++)",
            () => AddSwitch("slot", members, i => _model.Members[i].Slot, mayBeGap: true, "break;"));
    }

    private void AddSwitch(string subject, IEnumerable<int> members, Func<int, int> label, bool mayBeGap, string afterUnknown) => _code.Block(
        $"switch ({subject})", () =>
    {
        foreach (var i in members)
        {
            _code.Case($"case {label(i)}:", () =>
            {
                if (mayBeGap && _model.Members[i].NilIsMissing)
                    _code.Block("if (!reader.TryReadNil())", () => AddMember(i));
                else
                    AddMember(i);
                _code.Line("break;");
            });
        }
        _code.Case("default:", () =>
        {
            _code.Line("reader.Skip();");
            _code.Line(afterUnknown);
        });
    });

    private void AddMember(int i)
    {
        var member = _model.Members[i];
        _code.Line($"{(_isSetDirectly ? $"result.{member.Name}" : $"m{i}")} = {ValueCode.Read(member.Value)};");
        if (!_isSetDirectly && NeedsBit(i))
            _code.Line($"came{i / BitsPerVariable} |= {Bit(i)};");
    }

    private void AddCreation()
    {
        var initOnly = Enumerable.Range(0, _model.Members.Count).Where(i => _model.Members[i].Setting == MemberSetting.Init).ToList();
        if (initOnly.Count > 0)
        {
            var missing = initOnly.GroupBy(i => i / BitsPerVariable).Select(group =>
            {
                var mask = Literal(group.Aggregate(0UL, (bits, i) => bits | (1UL << (i % BitsPerVariable))));
                return $"(came{group.Key} & {mask}) != {mask}";
            });
            _code.Block($"if ({string.Join(" || ", missing)})", () =>
            {
                _code.Line("// What has not come is as the type itself has it, which only an object can tell.");
                _code.Line($"var own = {Create(i => _model.Members[i].Setting == MemberSetting.Required ? $"m{i}" : null)};");
                foreach (var i in initOnly)
                    _code.If($"{Came(i)} == 0", $"m{i} = own.{_model.Members[i].Name};");
            });
        }
        var created = Create(i => _model.Members[i].Setting is MemberSetting.Required or MemberSetting.Init ? $"m{i}" : null);
        _code.Line($"var result = {created};");
        for (var i = 0; i < _model.Members.Count; i++)
        {
            if (_model.Members[i].Setting == MemberSetting.Set)
                _code.If($"{Came(i)} != 0", $"result.{_model.Members[i].Name} = m{i};");
        }
    }

    /// <summary>An expression that creates the object, with what the initializer gives to its members.</summary>
    private string Create(Func<int, string?> initial)
    {
        var arguments = _model.Parameters.Select(parameter => parameter switch
        {
            { Member: < 0 } => parameter.Default,
            { Default: { } literal } => $"{Came(parameter.Member)} != 0 ? m{parameter.Member} : {literal}",
            _ => $"m{parameter.Member}",
        });
        var initials = Enumerable.Range(0, _model.Members.Count)
            .Where(i => !_isSetDirectly || _model.Members[i].Setting == MemberSetting.Required)
            .Select(i => (_model.Members[i].Name, Value: initial(i)))
            .Concat(_model.UnsentRequired.Select(name => (Name: name, Value: (string?)"default")))
            .Where(member => member.Value is not null)
            .Select(member => $"{member.Name} = {member.Value}")
            .ToList();
        var created = $"new {_model.Type}({string.Join(", ", arguments)})";
        return initials.Count == 0 ? created : $"{created} {{ {string.Join(", ", initials)} }}";
    }

    /// <summary>Finds a member by its name: mostly it is the next one, because they come as they were written.</summary>
    private void AddFind() => _code.Block("private static int Find(global::System.ReadOnlySpan<byte> name, int expected)", () =>
    {
        _code.Block("switch (expected)", () =>
        {
            for (var i = 0; i < _model.Members.Count; i++)
                _code.Line($"case {i} when {IsName(i)}: return {i};");
        });
        _code.Block("switch (name.Length)", () =>
        {
            var byLength = Enumerable.Range(0, _model.Members.Count).GroupBy(i => Encoding.UTF8.GetByteCount(_model.Members[i].WireName));
            foreach (var sameLength in byLength.OrderBy(group => group.Key))
            {
                _code.Case($"case {sameLength.Key}:", () =>
                {
                    foreach (var i in sameLength)
                        _code.Line($"if ({IsName(i)}) return {i};");
                    _code.Line("break;");
                });
            }
        });
        _code.Line("return -1;");
    });

    private string IsName(int i) =>
        $"global::System.MemoryExtensions.SequenceEqual(name, {SymbolDisplay.FormatLiteral(_model.Members[i].WireName, quote: true)}u8)";

    private bool NeedsBit(int i) =>
        _model.Members[i].Setting is MemberSetting.Init or MemberSetting.Set
        || _model.Parameters.Any(parameter => parameter.Member == i && parameter.Default is not null);

    private static string Came(int i) => $"(came{i / BitsPerVariable} & {Bit(i)})";

    private static string Bit(int i) => Literal(1UL << (i % BitsPerVariable));

    private static string Literal(ulong bits) => "0x" + bits.ToString("x", CultureInfo.InvariantCulture) + "UL";
}
