@main
struct MirrorMain {
    static func main() {
    }
}
