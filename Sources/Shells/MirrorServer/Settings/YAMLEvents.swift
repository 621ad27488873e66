import CYAML

/// The parts of a text in YAML, one after another, as libyaml finds them.
struct YAMLEvents: ~Copyable {
    enum Event: Equatable {
        /// As it stands there, whatever type YAML would give it.
        case text(String)
        case mappingBegins
        case mappingEnds
        case sequenceBegins
        case sequenceEnds
        case documentBegins
        case documentEnds
        case alias
        case textEnds
    }

    struct Unreadable: Error {
        var reason: String
        /// From 1.
        var line: Int
    }

    /// It points to itself, so it must not move.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ text: String) {
        bytes = .allocate(capacity: text.utf8.count)
        _ = bytes.initialize(from: text.utf8)
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        // It fails only where there is no memory left.
        let isReady = yaml_parser_initialize(parser)
        precondition(isReady == 1, "no memory to read a file of \(bytes.count) bytes")
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        bytes.deallocate()
    }

    /// The next part, and the line where it begins, from 1. Not to be called after ``Event/textEnds``.
    mutating func next() throws(Unreadable) -> (event: Event, line: Int) {
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(parser, &event) == 1 else { throw fault() }
            defer { yaml_event_delete(&event) }
            let line = event.start_mark.line + 1
            switch event.type {
            case YAML_SCALAR_EVENT:
                let scalar = event.data.scalar
                let text = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
                return (.text(String(decoding: text, as: UTF8.self)), line)
            case YAML_MAPPING_START_EVENT: return (.mappingBegins, line)
            case YAML_MAPPING_END_EVENT: return (.mappingEnds, line)
            case YAML_SEQUENCE_START_EVENT: return (.sequenceBegins, line)
            case YAML_SEQUENCE_END_EVENT: return (.sequenceEnds, line)
            case YAML_DOCUMENT_START_EVENT: return (.documentBegins, line)
            case YAML_DOCUMENT_END_EVENT: return (.documentEnds, line)
            case YAML_ALIAS_EVENT: return (.alias, line)
            case YAML_STREAM_END_EVENT: return (.textEnds, line)
            default: continue
            }
        }
    }

    private func fault() -> Unreadable {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "it is no YAML"
        let context = parser.pointee.context.map { "\(String(cString: $0)): " } ?? ""
        return Unreadable(reason: context + problem, line: parser.pointee.problem_mark.line + 1)
    }
}
